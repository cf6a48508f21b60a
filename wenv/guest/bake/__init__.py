"""Importing modules ahead of time, so that programs find them in memory."""
