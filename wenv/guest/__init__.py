"""The code that runs inside the sandbox.

These modules are copied into the component as the package ``_wenv`` and run under the guest's CPython.  They import the
guest's standard library and each other, nothing else; what is imported here when the component is built is already in
memory when a program starts, so the list is kept short.
"""

import sys

#: The modules that CPython itself had imported when it started, before anything of ours.
AT_START = set(sys.modules)
