"""What can be done, by key and from the palette."""
