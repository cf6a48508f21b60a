"""The runtimes there are, by name.  It imports next to nothing: the command line needs it for its options."""

from enum import StrEnum


class Kind(StrEnum):
    """The runtimes that environments are made for."""

    DEFAULT = "default"
    SCIENTIFIC = "scientific"


#: Which Python each of them is.
PYTHONS = {Kind.DEFAULT: "3.14", Kind.SCIENTIFIC: "3.15"}


class Choice(StrEnum):
    """What `--runtime` takes."""

    AUTO = "auto"
    DEFAULT = "default"
    SCIENTIFIC = "scientific"

    @property
    def kind(self) -> Kind | None:
        """The runtime that it names."""
        return None if self is Choice.AUTO else Kind(self.value)
