"""Importing modules ahead of time: what can be baked, and trying it."""
