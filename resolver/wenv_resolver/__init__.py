"""Which wheels a guest needs, and how they become layers.  Uses `cache`; knows nothing of how a guest is run."""
