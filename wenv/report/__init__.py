"""What is told of environments, packages, layers and files, for commands and the terminal UI."""
