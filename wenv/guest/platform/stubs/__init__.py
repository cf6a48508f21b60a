"""Importable stand-ins for standard modules that the platform lacks, for packages that import them and then do without.

None is there by default: libraries probe for these modules and rely on the ImportError.  Which environments get one is
decided by the host from the packages they hold (wenv/runtimes/needs.toml).
"""

from types import ModuleType

from . import ctypes, ctypes_util, termios

MODULES: dict[str, ModuleType] = {"ctypes": ctypes, "ctypes.util": ctypes_util, "termios": termios}
