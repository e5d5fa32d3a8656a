"""Looks at this machine: what the demo, the tests and a deployment need, what is missing, what that costs."""
