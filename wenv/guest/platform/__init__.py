"""The standard library on a platform that lacks much: what is adapted, what stands in for missing modules."""
