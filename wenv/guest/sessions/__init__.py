"""Sandboxes that live on between calls: the API's sessions and the shell."""
