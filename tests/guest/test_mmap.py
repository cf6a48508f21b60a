"""`mmap` of ours behaves as CPython's, and writes to no other file."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import RUNTIMES, Wenv, empty_of_each_runtime

empty = pytest.fixture(empty_of_each_runtime, params=RUNTIMES)

#: Random calls of a map of each kind; what they return, raise and leave in the file.
CALLS = """
import mmap, random, sys, tempfile

def told(call):
    try:
        return call()
    except Exception as error:
        return type(error).__name__

for seed in range(int(sys.argv[1])):
    chance = random.Random(seed)
    content = bytes(chance.choice(b"abc\\n") for _ in range(chance.choice([0, 1, 10, 100, 5000])))
    with tempfile.TemporaryFile("w+b") as file:
        file.write(content)
        file.flush()
        access, length = chance.choice([0, 0, 1, 2, 3]), chance.choice([0, 0, 0, 5, len(content), len(content) + 1])
        offset = chance.choice([0, 0, 0, mmap.ALLOCATIONGRANULARITY, 10])
        made = told(lambda: mmap.mmap(file.fileno(), length, access=access, offset=offset))
        if isinstance(made, str):
            print(seed, made)
            continue
        print(seed, repr(made).startswith("<mmap.mmap closed=False, access="), len(made), made.size())
        for _ in range(chance.randrange(25)):
            a, b = (chance.randrange(-len(content) - 2, len(content) + 3) for _ in range(2))
            some = bytes(chance.choice(b"abc") for _ in range(chance.randrange(4)))
            whence = chance.randrange(4)
            calls = {
                "item": lambda: made[a], "slice": lambda: made[a:b], "step": lambda: made[a:b:2],
                "set": lambda: made.__setitem__(a, 98), "find": lambda: made.find(some),
                "fill": lambda: made.__setitem__(slice(a, a + len(some)), some),
                "rfind": lambda: made.rfind(some, a, b), "read": lambda: made.read(b), "line": lambda: made.readline(),
                "seek": lambda: (told(lambda: made.seek(a, whence)) if whence > 2 else [made.seek(abs(a), 0), made.tell()][1:]),
                "write": lambda: made.write(some), "byte": lambda: made.write_byte(99), "next": lambda: made.read_byte(),
                "move": lambda: made.move(abs(a), abs(b), len(some)), "flush": lambda: made.flush(), "in": lambda: b"a" in made,
                "view": lambda: bytes(memoryview(made)[:3]), "tell": lambda: made.tell(),
            }
            name = chance.choice(sorted(calls))
            print(name, a, b, some, told(calls[name]))
        made.close()
        print(made.closed, told(lambda: made[0]))
        file.seek(0)
        print(file.read())
"""


def test_it_is_as_natively(empty: Wenv) -> None:
    count = "400"
    native = subprocess.run([sys.executable, "-c", CALLS, count], capture_output=True, text=True, check=True).stdout
    inside = empty("run", "-c", CALLS, count)
    assert inside.splitlines() == native.splitlines()


WRITTEN = """
import mmap, os
with open("data", "wb") as file:
    file.write(b"0123456789")
with open("data", "r+b") as file, mmap.mmap(file.fileno(), 0) as made:
    made[2:4] = b"ab"
    print(open("data", "rb").read())
    view = memoryview(made)
    view[0] = 88
    try:
        made.close()
    except BufferError as error:
        print(error)
    view.release()
    made.flush()
    print(open("data", "rb").read())
    made.resize(12)
print(open("data", "rb").read())
file = open("data", "r+b")
made = mmap.mmap(file.fileno(), 0)
file.close()
made[1] = 89
made.close()
print(open("data", "rb").read())
number = os.open("data", os.O_RDWR)
made = mmap.mmap(number, 0)
os.close(number)
other = open("other", "w+b")
other.write(b"of somebody else")
other.flush()
try:
    made[0] = 65
except OSError as error:
    print(error)
try:
    made.close()
except OSError as error:
    print("once more")
print(open("other", "rb").read(), made.closed)
with open("data", "rb") as file:
    try:
        mmap.mmap(file.fileno(), 0)
    except PermissionError as error:
        print("read only")
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as made:
        print(made.readline(), memoryview(made).readonly)
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
except PermissionError as error:
    print(error)
with mmap.mmap(-1, 100) as made:
    made.write(b"memory")
    print(made[:8])
"""


def test_what_is_written_and_where(empty: Wenv) -> None:
    closed = "[Errno 8] the file was closed before its map was written back (WASI cannot duplicate it)"
    assert empty("run", "--write", "-c", WRITTEN).splitlines() == [
        "b'01ab456789'", "cannot close exported pointers exist", "b'X1ab456789'", "b'X1ab456789\\x00\\x00'",
        "b'XYab456789\\x00\\x00'", closed, "once more", "b'of somebody else' True", "read only",
        "b'XYab456789\\x00\\x00' True", "[Errno 63] memory is never executable here", "b'memory\\x00\\x00'",
    ]  # fmt: skip


def test_arrays_in_a_file(wenv: Wenv, tmp_path: Path) -> None:
    wenv("create", "--runtime", "scientific", "numpy", timeout=900)
    code = """
import numpy as np
made = np.memmap("array", dtype="i4", mode="w+", shape=(3, 4))
made[1] = [1, 2, 3, 4]
made.flush()
print(np.frombuffer(open("array", "rb").read(), "i4").sum(), np.memmap("array", dtype="i4", mode="r", shape=(3, 4))[1].tolist())
"""
    assert wenv("run", "--write", "-c", code) == "10 [1, 2, 3, 4]\n"


def test_what_others_change_stays(empty: Wenv) -> None:
    code = """
import mmap
open("data", "wb").write(b"0123456789")
with open("data", "r+b") as file, mmap.mmap(file.fileno(), 0) as made:
    made[0] = 65
    open("data", "r+b").write(b"of others")
    made[9] = 66
print(open("data", "rb").read())
"""
    assert empty("run", "--write", "-c", code) == "b'of othersB'\n"
