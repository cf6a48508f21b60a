"""What a command line means: the program to run."""

import os

from wenv.guest.command_line import CommandLine
from wenv.launcher.guest_paths import guest_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from wenv.guest.request import Form


class Program:
    """What to run: as in wenv/guest/request.py, with host paths already made the guest's; `folder` (a host path) is to be
    readable.  `source` is the text of a script from elsewhere, which is put at `target` and gets no folder of the host's."""

    __slots__ = ("arguments", "folder", "form", "safe_path", "source", "target", "unbuffered", "warnings")

    def __init__(
        self, form: "Form", target: str, line: CommandLine, folder: "str | None" = None, source: "bytes | None" = None
    ) -> None:
        self.form: Form = form
        self.target = target
        self.arguments = list(line.arguments)
        self.folder = folder
        self.source = source
        self.unbuffered = line.unbuffered
        self.safe_path = line.safe_path
        self.warnings = list(line.warnings)


#: How a script's block of metadata begins, and how many bytes are looked through for it (wenv/launcher/native/program.c, too).
BLOCK, LARGEST_SCRIPT = b"# /// script", 1 << 20
#: With which a text in UTF-8 may begin.
MARK = b"\xef\xbb\xbf"


def may_have_block(path: str) -> bool:
    """Whether a file may say itself what it needs (PEP 723): an environment is then made for it, the long way."""
    try:
        with open(path, "rb", buffering=0) as file:
            text = file.read(LARGEST_SCRIPT)
    except OSError:
        return False
    return _has_block(text)


def stdin_has_block() -> bool:
    """The same of the script on standard input, which can be read again afterwards."""
    if os.isatty(0):
        return False
    begun, parts = os.lseek(0, 0, os.SEEK_CUR) if _is_file() else -1, []
    while part := os.read(0, 1 << 20):
        parts.append(part)
    if begun >= 0:
        os.lseek(0, begun, os.SEEK_SET)
    else:
        _replace_stdin(parts)
    return _has_block(b"".join(parts)[:LARGEST_SCRIPT])


def _has_block(text: bytes) -> bool:
    return text.removeprefix(MARK).startswith(BLOCK) or b"\n" + BLOCK in text


def _is_file() -> bool:
    return os.fstat(0).st_mode & 0o170000 == 0o100000


def _replace_stdin(parts: "list[bytes]") -> None:
    from tempfile import TemporaryFile  # late: few programs come so

    with TemporaryFile(buffering=0) as file:
        for part in parts:
            file.write(part)
        file.seek(0)
        os.dup2(file.fileno(), 0)


def program_of(line: CommandLine, scripts: "Mapping[str, str]") -> "Program | None":
    """What a command line means: a script's path, or else the name of a console script; None if it is neither."""
    if line.form in ("module", "code", "stdin"):
        return Program(line.form, line.target, line)
    if line.form != "script":
        return None
    target, bare = line.target, line.target in scripts  # ./NAME means a file or folder of the same name
    if os.path.exists(target) and not bare:
        linked = os.path.islink(target)
        # a relative path is kept as it was written, unless it leaves the working folder, which is a mount of its own
        whole = linked or os.path.isabs(target) or ".." in target.replace(os.sep, "/").split("/")
        whole = whole or os.path.dirname(os.getcwd()) == os.getcwd()  # nor is a whole disk shared
        path = os.path.realpath(target) if linked else os.path.abspath(target)
        folder = path if os.path.isdir(path) else os.path.dirname(path)
        if not whole:
            return Program("script", os.path.normpath(target).replace(os.sep, "/"), line, folder)
        inside = "" if folder == path else "/" + os.path.basename(path)
        return Program("script", guest_path(folder).rstrip("/") + inside, line, folder)
    if bare:
        return Program("entry", scripts[target], CommandLine("script", target, (target, *line.arguments)))
    return None
