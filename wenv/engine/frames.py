"""Messages between a process and the one that holds its sandbox: JSON, each after its length in four bytes, big-endian."""

import json
import struct
from typing import IO, Any

#: Bytes of the longest message: an answer as JSON inside JSON may be twice as long as the answer.
LARGEST = 512 << 20
_LENGTH = struct.Struct(">I")


def send(stream: IO[bytes], message: dict[str, Any]) -> None:
    """Write a message, all of it at once."""
    data = json.dumps(message).encode()
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: IO[bytes]) -> dict[str, Any] | None:
    """The next message; None at the end of the stream.  Raises ValueError for anything else."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    length = _LENGTH.unpack(head)[0]
    if length > LARGEST:
        raise ValueError(f"a message of {length} bytes")
    try:
        message = json.loads(stream.read(length))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(message, dict):
        raise ValueError("not a message of the protocol")
    return message
