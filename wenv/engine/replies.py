"""What guests answer, read as what anybody could have written: code of packages and programs runs where an answer is made."""

from collections.abc import Callable
from typing import TypeVar

from wenv.errors import GuestAnswerError
from wenv_cache.reading import Given, InvalidValueError

#: Bytes of the longest answer.
LARGEST = 100 << 20
Read = TypeVar("Read")


def read_reply(name: str, value: object, read: Callable[[Given], Read]) -> Read:
    """What `read` makes of a service's answer.  Raises GuestAnswerError."""
    try:
        return read(Given(value))
    except InvalidValueError as error:
        raise GuestAnswerError(name, str(error)) from None


def texts(given: Given, most: int = 100_000) -> list[str]:
    """A list of texts, each on one line."""
    return [item.text() for item in given.items(most)]
