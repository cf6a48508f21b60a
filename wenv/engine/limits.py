"""What one session may use."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of memory and of standard output and error together; None for no limit."""

    memory: int | None = None
    output: int | None = None


UNLIMITED = Limits()
