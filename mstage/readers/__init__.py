"""Other people's logs and checkpoints, one module a family of formats."""
