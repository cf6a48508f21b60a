"""What the layers of an environment come to: its modules, scripts and files, and the index of its code."""
