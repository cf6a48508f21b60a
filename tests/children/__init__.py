"""Programs that a program in a sandbox starts."""
