"""What a user asked for, as data: requirements, constraints, and where to look for packages."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from wenv_cache.reading import Given

_SHA256 = re.compile("[0-9A-Fa-f]{64}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")


#: The name and the extras that a requirement begins with.
_HEAD = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?P<extras>\[[^\]]*\])?")
_AGO = re.compile(r"(?:P|PT)?(\d{1,5}) ?(h|hours?|d|days?|w|weeks?)", re.IGNORECASE)


def moment(text: str) -> str:
    """A date, a time or a span before now as the moment from which on versions are left out: UTC, ISO 8601.

    A date is taken with its last second, and a time without a zone as UTC, so that the same words mean the same everywhere; a
    span (``1 week``, ``24 hours``, ``P7D``) ends at the last full hour.  Raises ValueError.
    """
    if (span := _AGO.fullmatch(text.strip())) is not None:
        unit = {"h": "hours", "d": "days", "w": "weeks"}[span[2][0].lower()]
        now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        return (now - timedelta(**{unit: int(span[1])})).isoformat()
    given = datetime.fromisoformat(text.strip())
    if len(text.strip()) <= len("2026-01-31"):
        given += timedelta(days=1)
    return (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """Where to look for packages, beyond pip's own configuration, which stays in force.

    `uploaded_before` (ISO 8601, see `moment`) leaves out what came to the index later; with `no_deps` nothing is brought but
    what is named, which is not remembered.
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    no_index: bool = False
    pre: bool = False
    no_binary: tuple[str, ...] = ()
    only_binary: tuple[str, ...] = ()
    uploaded_before: str | None = None
    no_deps: bool = False

    def pip_arguments(self) -> list[str]:
        """The same as options of pip's."""
        arguments = ["--index-url", self.index_url] if self.index_url else []
        for option, values in (
            ("--extra-index-url", self.extra_index_urls),
            ("--find-links", self.find_links),
            ("--trusted-host", self.trusted_hosts),
            ("--no-binary", self.no_binary),
            ("--only-binary", self.only_binary),
        ):
            for value in values:
                arguments += [option, value]
        arguments += ["--uploaded-prior-to", self.uploaded_before] if self.uploaded_before else []
        return arguments + ["--no-index"] * self.no_index + ["--pre"] * self.pre

    def merged(self, other: "IndexOptions") -> "IndexOptions":
        """These options and `other`'s."""
        return IndexOptions(
            other.index_url or self.index_url,
            tuple(dict.fromkeys(self.extra_index_urls + other.extra_index_urls)),
            tuple(dict.fromkeys(self.find_links + other.find_links)),
            tuple(dict.fromkeys(self.trusted_hosts + other.trusted_hosts)),
            self.no_index or other.no_index,
            self.pre or other.pre,
            tuple(dict.fromkeys(self.no_binary + other.no_binary)),
            tuple(dict.fromkeys(self.only_binary + other.only_binary)),
            other.uploaded_before or self.uploaded_before,
            self.no_deps or other.no_deps,
        )

    def as_json(self) -> dict[str, Any]:
        """For manifests.  Addresses are kept without user names and passwords: pip finds these where they are configured.

        What came to it later is written where it is used only, so that older manifests stay as they are.
        """
        return {
            "index_url": self.index_url and without_credentials(self.index_url),
            "extra_index_urls": [without_credentials(url) for url in self.extra_index_urls],
            "find_links": [without_credentials(url) for url in self.find_links],
            "trusted_hosts": list(self.trusted_hosts),
            "no_index": self.no_index,
            "pre": self.pre,
            "no_binary": list(self.no_binary),
            **({"only_binary": list(self.only_binary)} if self.only_binary else {}),
            **({"uploaded_before": self.uploaded_before} if self.uploaded_before else {}),
        }

    @classmethod
    def read(cls, given: Given) -> "IndexOptions":
        """Read what `as_json` wrote; raises InvalidValueError."""

        def texts(key: str) -> tuple[str, ...]:
            found = given.get(key)
            return () if found is None else tuple(item.text() for item in found.items())

        address, before = given["index_url"].optional, given.get("uploaded_before")
        read = cls(
            None if address is None else address.text(),
            texts("extra_index_urls"),
            texts("find_links"),
            texts("trusted_hosts"),
            given["no_index"].truth(),
            given["pre"].truth(),
            texts("no_binary"),
            texts("only_binary"),
            None if before is None else before.text(_MOMENT),
        )
        _check_addresses(given, read)
        return read


@dataclass(frozen=True, slots=True)
class Line:
    """One requirement: PEP 508 text, the sha256 values that are allowed for it (none: any), and where it was written.

    An `editable` one is a project's folder (``NAME @ file:///…``) whose modules are imported from there as they are then.
    """

    text: str
    hashes: tuple[str, ...] = ()
    origin: str = ""
    editable: bool = False

    @property
    def name(self) -> str | None:
        """Canonical name of the project, None for a bare path or URL."""
        try:
            return canonicalize_name(Requirement(self.text).name)
        except InvalidRequirement:
            return None

    def with_extras(self, extras: Iterable[str]) -> "Line":
        """The same with these extras besides."""
        match = None if self.name is None else _HEAD.match(self.text)
        if match is None or not set(extras) - set(own := Requirement(self.text).extras):
            return self
        return replace(self, text=f"{match['name']}{bracketed({*own, *extras})}{self.text[match.end() :]}")

    def as_json(self) -> dict[str, Any]:
        """For manifests."""
        name, at, url = self.text.partition(" @ ")
        text = name + at + without_credentials(url) if at else self.text
        return {"text": text, "hashes": list(self.hashes), **({"editable": True} if self.editable else {})}

    @classmethod
    def read(cls, given: Given) -> "Line":
        """Read what `as_json` wrote; raises InvalidValueError."""
        editable = given.get("editable")
        hashes = tuple(item.text(_SHA256) for item in given["hashes"].items())
        read = cls(given["text"].text(), hashes, editable=editable is not None and editable.truth())
        _check_addresses(given, read)
        return read


@dataclass(frozen=True, slots=True)
class Requested:
    """Everything that a resolution starts from."""

    requirements: tuple[Line, ...] = ()
    constraints: tuple[Line, ...] = ()
    options: IndexOptions = field(default_factory=IndexOptions)

    @property
    def names(self) -> frozenset[str]:
        """Canonical names of the projects that are asked for."""
        return frozenset(line.name for line in self.requirements if line.name)

    def merged(self, other: "Requested") -> "Requested":
        """This and `other`: requirements of the same project replace this one's, whose extras stay."""
        fresh = {line.name for line in other.requirements if line.name}
        kept = tuple(line for line in self.requirements if line.name is None or line.name not in fresh)
        extras: dict[str, set[str]] = {}
        for line in self.requirements:
            if line.name in fresh and line.name is not None:
                extras.setdefault(line.name, set()).update(Requirement(line.text).extras)
        added = tuple(line.with_extras(extras.get(line.name or "", ())) for line in other.requirements)
        return Requested(
            tuple(dict.fromkeys(kept + added)),
            tuple(dict.fromkeys(self.constraints + other.constraints)),
            self.options.merged(other.options),
        )

    def without(self, names: Iterable[str]) -> "Requested":
        """Without the requirements of these projects."""
        gone = {canonicalize_name(name) for name in names}
        return replace(self, requirements=tuple(line for line in self.requirements if line.name not in gone))

    def as_json(self) -> dict[str, Any]:
        """For manifests."""
        return {
            "requirements": [line.as_json() for line in self.requirements],
            "constraints": [line.as_json() for line in self.constraints],
            "options": self.options.as_json(),
        }

    @classmethod
    def read(cls, given: Given) -> "Requested":
        """Read what `as_json` wrote; raises InvalidValueError."""
        return cls(
            tuple(map(Line.read, given["requirements"].items())),
            tuple(map(Line.read, given["constraints"].items())),
            IndexOptions.read(given["options"]),
        )


def _check_addresses(given: Given, read: IndexOptions | Line) -> None:
    """Raises InvalidValueError for addresses that cannot be taken apart, and so not be written without their credentials."""
    try:
        read.as_json()
    except ValueError as error:
        raise given.error(f"an address that cannot be read: {error}") from None


def folder_of(text: str) -> Path:
    """The folder that a ``file:`` address names, or a requirement with such an address."""
    address = text.rpartition("file:")[2].partition(" ;")[0].partition("#")[0].partition("[")[0]
    return Path(url2pathname(urlsplit(f"file:{address}").path))


def bracketed(extras: Iterable[str]) -> str:
    """Extras as they stand behind a name: ``[one,two]``; empty for none."""
    names = ",".join(sorted(extras))
    return f"[{names}]" if names else ""


def without_credentials(url: str) -> str:
    """A URL (or path) without user name and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if parts.scheme and parts.netloc else url
