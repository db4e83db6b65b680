"""What does theory predict, and how far is it from what was measured?"""
