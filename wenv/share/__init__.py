"""Environments as files and in registries."""
