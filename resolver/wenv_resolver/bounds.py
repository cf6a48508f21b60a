"""How much of a file is taken from an index: no more than was declared."""

from collections.abc import Iterable, Iterator

from wenv_resolver.errors import FetchError

#: Bytes of a file whose size nobody has declared.
LARGEST = 4 << 30


def bounded(chunks: Iterable[bytes], name: str, most: int | None) -> Iterator[bytes]:
    """The chunks of a file; raises FetchError as soon as they are more than `most` bytes, or `LARGEST` for None."""
    size, allowed = 0, LARGEST if most is None else most
    for chunk in chunks:
        size += len(chunk)
        if size > allowed:
            raise FetchError(f"{name} is larger than the {allowed} bytes that were declared", "nothing of it was kept")
        yield chunk
