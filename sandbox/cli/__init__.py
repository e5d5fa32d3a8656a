"""The commands that the sandbox brings."""
