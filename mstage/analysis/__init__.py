"""What a history of losses and weights shows: one question a module, `verb(data, method) -> frozen result`."""
