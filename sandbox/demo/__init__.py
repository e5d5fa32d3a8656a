"""The demo: the whole demo on this machine, from the estate file to rows in the lake."""
