"""How do the weights move, and how do the neurons line up?"""
