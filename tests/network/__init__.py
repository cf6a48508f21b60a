"""The network of a sandbox: what it may reach, and what reaches it."""
