"""Renders results and computes nothing: tables, a drawn curve, and the same numbers as JSON and CSV."""
