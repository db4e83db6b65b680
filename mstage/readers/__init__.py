"""Other people's files: logs, checkpoints and tables to learn, told apart by what is in them and not by name."""
