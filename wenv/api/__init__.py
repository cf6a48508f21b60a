"""Sandboxes inside a program: `wenv.open` gives an `OpenEnvironment`, and that gives sessions."""

from wenv.api.replies import BusySessionError, ClosedSessionError, CodeError, Output
from wenv.api.session import OpenEnvironment, Session, open_environment

__all__ = [
    "BusySessionError",
    "ClosedSessionError",
    "CodeError",
    "OpenEnvironment",
    "Output",
    "Session",
    "open_environment",
]
