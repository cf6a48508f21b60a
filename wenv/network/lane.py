"""How bytes cross beside an order: in it, or in two files of the run's private folder (wenv/guest/network/door.py)."""

import binascii
import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from wenv.guest.request import LANE_IN, LANE_OUT

#: Bytes that one order brings or takes.
MOST = 1 << 18
#: From how many bytes on the files are quicker: of any, and of ASCII.
THROUGH_FILES = (1 << 12, 1 << 15)


class Lane:
    """The two files.  They are made and opened before the guest starts: whatever it puts in their place leads nowhere."""

    def __init__(self, folder: str) -> None:
        names = [Path(folder, name) for name in (LANE_OUT, LANE_IN)]
        for name in names:
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        self._out: BinaryIO = names[0].open("rb", buffering=0)
        self._in: BinaryIO = names[1].open("r+b", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the files; the folder is deleted by whoever made it."""
        self._out.close()
        self._in.close()

    def taken(self, size: int) -> bytes:
        """What the guest has left there.  Raises ValueError if it is less than it says."""
        self._out.seek(0)
        data = b""
        while len(data) < size and (part := self._out.read(size - len(data))):
            data += part
        if len(data) < size:
            raise ValueError("less was left than was said")
        return data

    def left(self, data: bytes) -> None:
        """Leave bytes for the guest."""
        self._in.seek(0)
        view = memoryview(data)
        while view:
            view = view[self._in.write(view) :]


def unpacked(payload: bytes, lane: Lane | None) -> bytes:
    """The bytes that an order brings, at most `MOST` and what one record of TLS takes more.  Raises ValueError."""
    sign, rest = payload[:1], payload[1:]
    if sign == b":":
        data = rest
    elif sign == b"=":
        data = binascii.a2b_base64(rest)
    elif sign == b"@" and lane is not None and len(rest) < 10 and int(rest) <= 2 * MOST:
        data = lane.taken(int(rest))
    else:
        raise ValueError("not a payload")
    if len(data) > 2 * MOST:
        raise ValueError("too many bytes for one order")
    return data


def packed(data: bytes, lane: Lane | None) -> bytes:
    """The same for an answer, for a door that takes texts."""
    if lane is not None and len(data) >= THROUGH_FILES[data.isascii()]:
        lane.left(data)
        return b"@%d" % len(data)
    return b":" + data if data.isascii() else b"=" + binascii.b2a_base64(data, newline=False)
