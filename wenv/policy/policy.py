"""What a program in the sandbox may see and use."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from wenv.policy.mounts import Mount
from wenv_cache.reading import Given

if TYPE_CHECKING:
    from wenv.network.grants import Grants

#: The fields of a policy that limit a run; of several policies the last that names one counts.
LIMITS = ("memory", "time", "output", "disk", "files", "open_files", "children", "net_bytes")
#: What none of them exceeds: bytes, seconds or files.
LARGEST = 1 << 53
#: Hosts that a policy names, and characters of one.
MOST_HOSTS, LONGEST_HOST = 1000, 300
_NAME = re.compile("[^=]+")


@dataclass(frozen=True, slots=True)
class Policy:
    """What a run is granted beyond nothing, and its limits.

    `write` lets it write to the working folder; `environment` are variables it gets, with None for
    the value that the host's has when the run starts; `memory` and `output` are limits in
    bytes, `time` in seconds, None for none.  `disk` (bytes) and `files` (a number) limit what it keeps in its private folders,
    `open_files` how many it has open at once, `children` how many programs are alive that it has started; None for the defaults
    in wenv/launcher/limits.py.  `net` are the hosts that it may connect to, `listen` the addresses that it may listen on
    (wenv/network/grants.py), `net_bytes` limits what it moves both ways.  `secrets` are those that it may use and never has
    (wenv/network/secrets.py), without their values.
    """

    write: bool = False
    mounts: tuple[Mount, ...] = ()
    environment: tuple[tuple[str, str | None], ...] = ()
    memory: int | None = None
    time: float | None = None
    output: int | None = None
    disk: int | None = None
    files: int | None = None
    open_files: int | None = None
    children: int | None = None
    net: tuple[str, ...] = ()
    listen: tuple[str, ...] = ()
    net_bytes: int | None = None
    secrets: tuple[str, ...] = ()

    def widened(self, other: "Policy") -> "Policy":
        """This policy with what `other` adds; limits that `other` sets replace this one's."""
        limits = {name: getattr(other, name) for name in LIMITS if getattr(other, name) is not None}
        return replace(
            self,
            write=self.write or other.write,
            mounts=self.mounts + other.mounts,
            environment=self.environment + other.environment,
            net=tuple(dict.fromkeys(self.net + other.net)),
            listen=tuple(dict.fromkeys(self.listen + other.listen)),
            secrets=tuple(dict.fromkeys(self.secrets + other.secrets)),
            **limits,
        )

    def as_json(self) -> dict[str, Any]:
        """For manifests and `--json`."""
        return {
            "write": self.write,
            "mounts": [mount.as_json() for mount in self.mounts],
            "environment": dict(self.environment),
            "net": list(self.net),
            "listen": list(self.listen),
            **({"secrets": list(self.secrets)} if self.secrets else {}),
            # not written by all versions: left out where nothing is said
            **({"children": self.children} if self.children is not None else {}),
            **{name: getattr(self, name) for name in LIMITS if name != "children"},
        }

    @property
    def grants(self) -> "Grants":
        """What it may reach."""
        from wenv.network.grants import Grants  # late: few runs reach anything

        return Grants.parse(self.net, self.listen, self.net_bytes)

    @property
    def shares_for_writing(self) -> bool:
        """Whether a run may write to folders of the host's."""
        return self.write or any(mount.writable for mount in self.mounts)

    @property
    def without_values(self) -> "Policy":
        """This policy as it may be given to others: of variables only their names."""
        names = (text.partition("=")[0].partition("@")[0] + "@" + text.rpartition("@")[2] for text in self.secrets)
        return replace(self, environment=tuple((name, None) for name, _ in self.environment), secrets=tuple(names))

    @property
    def words(self) -> str:
        """For people."""
        mounts, names = ", ".join(str(mount) for mount in self.mounts), ", ".join(name for name, _ in self.environment)
        shown = {**self.as_json(), "mounts": mounts, "environment": names, "net": ", ".join(self.net)}
        shown |= {"listen": ", ".join(self.listen), "secrets": ", ".join(self.secrets)}
        words = [f"{key} {value}" for key, value in shown.items() if value not in (None, False, "", {})]
        return "; ".join(words) or "working folder read-only, no network, no variables"

    @classmethod
    def read(cls, given: Given) -> "Policy":
        """Read what `as_json` wrote; limits that were not known then are the default ones.  Raises InvalidValueError."""
        variables = given["environment"].entries()
        return cls(
            write=given["write"].truth(),
            mounts=tuple(map(Mount.read, given["mounts"].items())),
            environment=tuple(_variables(variables)),
            net=tuple(_told(given.get("net"), parse_grant)),
            listen=tuple(_told(given.get("listen"), parse_listening)),
            secrets=tuple(_told(given.get("secrets"), parse_secret)),
            **{name: _limit(name, given.get(name)) for name in LIMITS},
        )


def _told(given: Given | None, parse: Callable[[str], str]) -> Iterator[str]:
    """Hosts as they were written.  Raises InvalidValueError for one that is none."""
    for item in given.items(MOST_HOSTS) if given is not None else ():
        text = item.text(longest=LONGEST_HOST)
        try:
            yield parse(text)
        except ValueError as error:
            raise item.error(str(error)) from None


def parse_grant(text: str) -> str:
    """A host that may be connected to, written as it is kept.  Raises ValueError."""
    from wenv.network.grants import Grant

    return str(Grant.parse(text))


def parse_listening(text: str) -> str:
    """The same for an address that may be listened on."""
    from wenv.network.grants import Listening

    return str(Listening.parse(text))


def parse_secret(text: str) -> str:
    """The same for a secret (``NAME[=SOURCE]@HOST[:PORT]``)."""
    from wenv.network.secrets import Named

    return str(Named.parse(text))


def _variables(entries: Mapping[str, Given]) -> Iterator[tuple[str, str | None]]:
    for name, value in entries.items():
        Given(name, value.where).text(_NAME)
        yield name, None if value.optional is None else value.text(controls=True)


def _limit(name: str, given: Given | None) -> Any:
    if given is None or given.optional is None:
        return None
    return given.number(0, LARGEST) if name == "time" else given.whole(0, LARGEST)
