"""Sockets and TLS as the guest's standard library sees them: the host has the real ones (wenv/network)."""
