"""What a source has: its tables, and the pipelines that could read them."""
