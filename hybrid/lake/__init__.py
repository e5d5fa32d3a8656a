"""The lake as its readers and its keeper see it: which runs are visible, and which files nobody needs."""
