"""The native decoder: C compiled where a compiler is, found at run time, never required."""
