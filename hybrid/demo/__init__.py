"""The demo: the whole house on this machine, from the estate file to rows in the lake."""
