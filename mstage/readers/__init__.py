"""Other people's logs, one module a family of formats, all told apart by what is in them and never by a name."""
