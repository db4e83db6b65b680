"""Checkpoints that other programs have written."""
