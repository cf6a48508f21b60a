"""The root of all errors that a user can act on, and the store's own."""

from pathlib import Path


class UserError(Exception):
    """Something a user can mend; the message says what was wrong and where, `hint` what to do next."""

    hint: str | None = None

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint


class CacheError(UserError):
    """The store could not do what was asked."""


class UnsafePathError(CacheError):
    """A path that a layer must not hold."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"unsafe path {path!r}: {reason}")


class MissingEntryError(CacheError):
    """An entry that was expected in the store is not there."""

    hint = "restore it with `wenv install` in the environment that needs it"

    def __init__(self, kind: str, digest: str) -> None:
        super().__init__(f"the store has no {kind} {digest[:12]}")


class CorruptEntryError(CacheError):
    """An entry's content does not match its digest."""

    hint = "`wenv cache verify --repair` removes damaged entries, `wenv install` restores them"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"damaged: {path}: {reason}")


class FullDiskError(CacheError):
    """No room left while something was written; what was half written has been removed."""

    hint = "free some room (`wenv cache prune` may help) and try again; nothing was changed"

    def __init__(self, path: Path) -> None:
        super().__init__(f"no space left on the disk that holds {path}")
