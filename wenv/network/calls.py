"""What is told of calls of the host's functions, and what limits them."""

from dataclasses import dataclass

#: Bytes of JSON of one call's arguments, and of its result.
LARGEST = 10 << 20


@dataclass(frozen=True, slots=True)
class Call:
    """One call: `error` is the class of what it raised, empty for a result; `size` of arguments and result in bytes."""

    name: str
    seconds: float
    error: str
    size: int


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How many calls a session may make, how long one may take (seconds), and how large arguments and result may be (bytes)."""

    count: int | None = None
    seconds: float | None = None
    size: int = LARGEST


#: As it is without a word.
UNLIMITED = CallLimits()
