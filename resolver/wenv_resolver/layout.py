"""Where the parts of a wheel lie in its layer.  A module of its own: a run needs it and none of what makes layers."""

#: What is imported: the wheel's purelib and platlib.
SITE_PACKAGES = "site-packages"
SCRIPTS = "bin"
HEADERS = "include"
