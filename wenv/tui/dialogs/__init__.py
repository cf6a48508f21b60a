"""Boxes over the screen: reviews, forms, the file dialog, work in progress."""
