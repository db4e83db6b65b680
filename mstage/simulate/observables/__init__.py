"""What is measured of a network at one moment? Pure functions of its weights and of the training set.

`catalogue.OBSERVABLES` lists them all; a new one is a function here and a line there.
"""
