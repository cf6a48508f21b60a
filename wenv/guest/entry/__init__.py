"""What the host calls first: of a component, of a module, of a packed program."""
