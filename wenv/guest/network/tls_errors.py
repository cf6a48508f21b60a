"""The exceptions of `ssl`, as the host's answers are made into them."""

from typing import Any

from . import door


class SSLError(OSError):
    """As `ssl.SSLError`."""

    library = reason = None

    def __str__(self) -> str:
        return str(self.strerror) if isinstance(self.strerror, str) else super().__str__()


class SSLZeroReturnError(SSLError):
    """As in `ssl`."""


class SSLWantReadError(SSLError):
    """As in `ssl`."""


class SSLWantWriteError(SSLError):
    """As in `ssl`."""


class SSLSyscallError(SSLError):
    """As in `ssl`."""


class SSLEOFError(SSLError):
    """As in `ssl`."""


class SSLCertVerificationError(SSLError, ValueError):
    """As in `ssl`."""

    verify_code = verify_message = None


ERRORS: dict[str, type[SSLError]] = {
    error.__name__: error
    for error in (
        SSLError, SSLZeroReturnError, SSLWantReadError, SSLWantWriteError, SSLSyscallError, SSLEOFError,
        SSLCertVerificationError,
    )
}  # fmt: skip


def error_of(
    kind: str, number: Any, words: Any, reason: Any = None, library: Any = None, code: Any = None, said: Any = None
) -> Any:
    error: Any = ERRORS[kind](number, words)
    error.reason, error.library = reason, library
    if kind == "SSLCertVerificationError":
        error.verify_code, error.verify_message = code, said
    return error


for _kind, _class in ERRORS.items():
    _class.__module__ = "ssl"
    door.KINDS[_kind] = error_of
