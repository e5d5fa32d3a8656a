"""Installing all that later commands need at once, and filling a directory with it for another machine."""
