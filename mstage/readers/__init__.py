"""Other people's logs and checkpoints, one module a family of formats, told apart by what is in them, not by name."""
