"""A user's own table, as the data that a network learns."""
