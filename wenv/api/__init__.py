"""Environments from a program: sandboxes inside this process, each as cheap as a function call.

    import wenv

    with wenv.open(".wenv").session() as session:
        session.run("def double(x): return 2 * x")
        session.call("double", 21)                  # 42
        session.call("json:dumps", {"a": [1, 2]})   # any importable function, as module:attribute
        session.run("print('hello')").stdout        # 'hello\\n'
        session.reset()                             # as it was at first: `double` is gone

Values cross as JSON: None, booleans, numbers, strings, lists (tuples become lists) and dictionaries with string keys.  Nothing
that a sandbox returns is ever executed or unpickled here.  A result can have up to 100 MB.

One session belongs to one thread at a time; any number may run at once, on threads of their own.  Starting one from a compiled
component takes a millisecond or two, so a new one for each untrusted piece of code is affordable.  The first session of an
interpreter on a machine compiles it once more (5 to 9 s), with checks that let a thread stop it.
"""

from wenv.api.asynchronous import AsyncSession
from wenv.api.replies import BusySessionError, ClosedSessionError, CodeError, Output
from wenv.api.session import OpenEnvironment, Session, open_environment
from wenv.network.calls import Call, CallLimits

__all__ = [
    "AsyncSession",
    "BusySessionError",
    "Call",
    "CallLimits",
    "ClosedSessionError",
    "CodeError",
    "OpenEnvironment",
    "Output",
    "Session",
    "open_environment",
]
