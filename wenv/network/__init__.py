"""The network of a sandbox: what it may reach, and the sockets and TLS behind its orders.

The guest's half is wenv/guest/network.
"""
