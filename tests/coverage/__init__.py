"""What popular packages do in a sandbox."""
