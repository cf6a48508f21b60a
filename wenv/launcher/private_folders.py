"""Folders that exist for one run: the guest's root, ``/tmp`` and ``/dev``, and one to exchange small files with the host."""

import os
import stat

from wenv.launcher.guest_paths import CODE, DEVICES, INTERPRETER, PRIVATE, STANDARD_LIBRARY, TEMPORARY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType
    from typing import ClassVar

    from wenv.launcher.preopens import Preopen


#: Folders of guests that were left behind and still run: deleted when the process ends (`wenv.__main__`).
abandoned: "list[str]" = []


#: Empty files in them: one is written to, and one stands for the interpreter (wenv/guest/processes).
FILES = ("dev/null", "root" + INTERPRETER)


class PrivateFolders:
    """Made when a run starts; a context manager, gone afterwards whatever the guest put into them.

    The root holds the sandbox's own folders and what else the guest is given (`shared`, guest paths), empty, and nothing else.
    """

    def __init__(self, shared: "Iterable[str]") -> None:
        self._shared = tuple(shared)
        self.root = ""
        self._made: dict[str, None] = {}

    def abandon(self) -> None:
        """Leave them to the end of the process: a program that is still running writes to them."""
        if self.root:
            abandoned.append(self.root)
            self.root = ""

    @property
    def measured(self) -> "list[str]":
        """The folders that the guest can fill, for `wenv.launcher.limits.Watch`."""
        return [os.path.join(self.root, name) for name, _, writable in self.own if writable]

    #: Those that the guest is given: name, guest path, and whether it may write there.
    own: "ClassVar[Sequence[Preopen]]" = (
        ("tmp", TEMPORARY, True),
        ("dev", DEVICES, True),
        ("private", PRIVATE, True),
        ("root", "/", False),
    )

    def __enter__(self) -> "PrivateFolders":
        self.root = _temporary_folder()
        try:
            for path in self.folders:
                self._make(os.path.join(self.root, path))
            for file in FILES:
                os.close(os.open(os.path.join(self.root, file), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o700))
        except BaseException:
            self.remove()
            raise
        return self

    @property
    def folders(self) -> "list[str]":
        """All of them, those above others first."""
        found = dict.fromkeys(name for name, _, _ in self.own)
        for path in (STANDARD_LIBRARY, CODE, PRIVATE, TEMPORARY, DEVICES, os.path.dirname(INTERPRETER), *self._shared):
            found.update(_chain("root", path))
            if path.startswith(TEMPORARY + "/"):  # a mount of its own, in which it must exist as well
                found.update(_chain("tmp", path[len(TEMPORARY) :]))
        return list(found)

    def _make(self, folder: str) -> None:
        self._made[folder] = None
        try:
            os.mkdir(folder)
        except FileExistsError:  # on a file system that folds names
            pass

    def __exit__(
        self, kind: "type[BaseException] | None", error: "BaseException | None", where: "TracebackType | None"
    ) -> None:
        self.remove()

    @property
    def preopens(self) -> "list[Preopen]":
        """What the guest is given of them."""
        return [(os.path.join(self.root, name), guest, writable) for name, guest, writable in self.own]

    def remove(self) -> None:
        """Delete them; most runs have left nothing in them."""
        if not self.root:
            return  # they were never made
        try:
            for file in FILES:
                os.unlink(os.path.join(self.root, file))
            for folder in reversed(self._made):
                os.rmdir(folder)
            os.rmdir(self.root)
        except OSError:
            from wenv.launcher.removal import remove  # late: most runs leave nothing

            remove(self.root)

    def empty(self) -> None:
        """Delete what the guest has left in them: they are as they were at first."""
        null = os.path.join(self.root, "dev", "null")
        if self._is_untouched(null):
            return
        from wenv.launcher.removal import empty

        for name in ("tmp", "private", "dev"):
            empty(os.path.join(self.root, name))
        for folder in self._made:
            if not os.path.isdir(folder):
                os.mkdir(folder)
        with open(null, "wb"):
            pass

    def _is_untouched(self, null: str) -> bool:
        """Whether nothing is in them but what was made at first."""
        try:
            status = os.lstat(null)
            if not stat.S_ISREG(status.st_mode) or status.st_size:
                return False
            waiting = [os.path.join(self.root, name) for name in ("tmp", "private", "dev")]
            while waiting:
                with os.scandir(waiting.pop()) as entries:
                    for entry in entries:
                        if entry.path in self._made and entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
                        elif entry.path != null:
                            return False
        except OSError:
            return False
        return True

    @property
    def exchange(self) -> str:
        """Where the host leaves an interrupt, and the guest the status of ``os._exit``."""
        return os.path.join(self.root, "private")

    def exit_status(self) -> "int | None":
        """What the guest gave to ``os._exit``, if it called it."""
        try:
            return int(self.said("exit-status")) & 0xFF
        except ValueError:
            return None

    def said(self, name: str) -> str:
        """What the guest wrote into a small file; empty if there is none, or the folders are not ours any more."""
        if not self.root:
            return ""
        try:
            # the guest may have put anything there: a link to a file of the host's, a pipe that never ends
            flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
            descriptor = os.open(os.path.join(self.exchange, name), flags)
            with os.fdopen(descriptor, "rb") as file:
                regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
                return file.read(1024).decode("utf-8", "replace") if regular else ""
        except OSError:
            return ""

    def interrupt(self) -> None:
        """Ask the guest's interpreter for a KeyboardInterrupt."""
        try:
            os.close(os.open(os.path.join(self.exchange, "interrupt"), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except OSError:
            pass

    def is_interrupted(self) -> bool:
        """Whether the guest has not heard yet that it is interrupted."""
        return os.path.lexists(os.path.join(self.exchange, "interrupt"))

    def clear_interrupt(self) -> None:
        """Withdraw what `interrupt` asked for, if the guest has not seen it."""
        try:
            os.unlink(os.path.join(self.exchange, "interrupt"))
        except OSError:
            pass


def _chain(below: str, path: str) -> "dict[str, None]":
    """The folder of a guest path below one of ours, after those above it."""
    found: dict[str, None] = {}
    for part in path.strip("/").split("/"):
        found[below := f"{below}/{part}"] = None
    return found


def _temporary_folder() -> str:
    """A new private folder where temporary files go."""
    place = next((os.environ[name] for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)), "/tmp")
    folder = os.path.join(place, f"wenv-run-{os.urandom(8).hex()}")
    try:
        if not os.path.isabs(folder):
            raise OSError
        os.mkdir(folder, 0o700)
    except OSError:
        import tempfile  # late: it knows where else to look, and takes 10 ms to import

        folder = tempfile.mkdtemp(prefix="wenv-run-")
    return folder
