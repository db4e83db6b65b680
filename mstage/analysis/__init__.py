"""Analyses: one question a module, `verb(data, method) -> frozen result`."""
