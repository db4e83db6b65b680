"""One function a command, callable from Python."""
