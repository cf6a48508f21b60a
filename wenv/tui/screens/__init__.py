"""What fills the terminal: the list of environments, one environment, a file."""
