"""From a source distribution to a wheel for the target, built on the host with ziglang as the compiler.

``build`` is the entry.  ``driver.py``, ``arity.py`` and ``crosspython.py`` run in processes of their own, started by build
systems; they import nothing but the standard library and each other.
"""
