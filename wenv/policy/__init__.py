"""What a program in a sandbox may see and use."""
