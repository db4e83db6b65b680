"""Figures of a sweep for print: one function a figure, each drawing a result as it is."""
