"""The command line: each command parses, calls one workflow and hands the result to one renderer."""
