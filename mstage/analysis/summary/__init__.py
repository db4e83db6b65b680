"""What does a whole sweep look like, in a report and in figures?"""
