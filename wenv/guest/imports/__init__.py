"""Where the guest's modules come from: code archives, and extension modules that are linked in."""
