"""CPython's own command line: which program is meant, and which of the interpreter's options can be honoured.

The guest's interpreter was started when the component was built, so options that take effect at its start cannot be given to
it.  Those that can be done later are; those that change nothing here are accepted; the rest is refused by name.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    Form = Literal["script", "module", "code", "stdin", "prompt", "version", "help"]

#: Options that are true of every run already: nothing is inherited from the host, no bytecode is written.
IMPLIED = frozenset("BEsqRb")
#: Options that an interpreter takes only while it starts.
REFUSED = {
    "O": "assertions are compiled in; the standard library is, too",
    "X": "it takes effect only while the interpreter starts",
    "S": "`site` has been imported already",
    "v": "imports are not traced; use `sys.meta_path` or logging",
    "d": "it needs a debug build",
    "x": "run the file with its first line removed",
    "i": "use `wenv shell`",
    "t": "it is an option of Python 2",
    "3": "it is an option of Python 2",
}


UNSUPPORTED = "python option {option} is not supported: {reason}"


class CommandLineError(Exception):
    """A command line that is wrong, or cannot be honoured; `hint` says what to do instead."""

    def __init__(self, message: str, hint: "str | None" = None) -> None:
        super().__init__(message)
        self.hint = hint


class CommandLine:
    """What CPython would run: `form` and `target` as in wenv/guest/request.py, `arguments` are the program's."""

    __slots__ = ("arguments", "form", "safe_path", "target", "unbuffered", "warnings")

    def __init__(
        self,
        form: "Form",
        target: str = "",
        arguments: "Sequence[str]" = (),
        unbuffered: bool = False,
        safe_path: bool = False,
        warnings: "Sequence[str]" = (),
    ) -> None:
        self.form: Form = form
        self.target = target
        self.arguments = tuple(arguments)
        self.unbuffered = unbuffered
        self.safe_path = safe_path
        self.warnings = tuple(warnings)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CommandLine) and all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"CommandLine({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"


def parse(arguments: "Sequence[str]") -> CommandLine:
    """Read the arguments that followed ``python``; raises CommandLineError."""
    rest = list(arguments)
    unbuffered = safe_path = False
    warnings: list[str] = []

    def found(form: "Form", target: str = "") -> CommandLine:
        return CommandLine(form, target, rest, unbuffered, safe_path, warnings)

    while rest:
        word = rest.pop(0)
        if word == "-":
            return found("stdin")
        if word in ("--version", "--help"):
            return found("version" if word == "--version" else "help")
        if word == "--":
            break
        if not word.startswith("-"):
            return found("script", word)
        if word.startswith("--"):
            raise CommandLineError(
                f"unknown option: {word}", "options of wenv's come before the program: wenv run --write script.py"
            )
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in "cmWX":
                if not letters and not rest:
                    raise CommandLineError(f"argument expected for the -{letter} option")
                value = letters or rest.pop(0)
                if letter in "cm":
                    return found("code" if letter == "c" else "module", value)
                if letter == "X":
                    raise CommandLineError(UNSUPPORTED.format(option=f"-X {value}", reason=REFUSED["X"]))
                warnings.append(value)
                break
            if letter in "Vh?":
                return found("version" if letter == "V" else "help")
            if letter == "u":
                unbuffered = True
            elif letter in "IP":
                safe_path = True
            elif letter in REFUSED:
                raise CommandLineError(UNSUPPORTED.format(option=f"-{letter}", reason=REFUSED[letter]))
            elif letter not in IMPLIED:
                raise CommandLineError(f"unknown option: -{letter}")
    if rest:
        return found("script", rest.pop(0))
    return found("prompt")
