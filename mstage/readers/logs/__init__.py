"""Training logs that other programs have written."""
