"""Making and changing environments."""
