"""Secrets that never enter a sandbox: it has a placeholder, which becomes the value in what goes over verified TLS to its host.

A placeholder has the length of its value in bytes, so that lengths that a program has counted stay true.  What comes back is
looked through for the value, which becomes the placeholder again; so is what the program prints.  A value that is sent in
another form (in base64, signed, compressed) is not sent at all, and a host that changes what it repeats gives it away.
"""

import os
import re
import secrets
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wenv.network.addresses import LOOPBACK, canonical, is_local
from wenv.network.grants import EVERYTHING, Grant, Grants

#: Bytes of a value, at least: shorter ones would be found where they are not.
SHORTEST = 16
#: With which a placeholder begins: text seldom ends with it, so that what is sent is seldom held back for the next.
MARK = "~"
#: Bytes of a value's beginning that are held back at least, until the rest has come.
HELD = 4
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_FROM_FILE, _FROM_KEYRING = "file:", "keyring:"


@dataclass(frozen=True, slots=True)
class Named:
    """A secret as it is written, ``NAME[=SOURCE]@HOST[:PORT]``: the variable, where its value is, and who may have it.

    The source is ``file:PATH``, ``keyring:SERVICE/USER``, or empty for the host's variable of the same name.
    """

    name: str
    source: str
    host: Grant

    @classmethod
    def parse(cls, text: str) -> "Named":
        """Read it; raises ValueError with words."""
        head, at, host = text.rpartition("@")
        name, _, source = head.partition("=")
        if not at or not _NAME.fullmatch(name):
            raise ValueError("not NAME@HOST")
        if source and not source.startswith((_FROM_FILE, _FROM_KEYRING)):
            raise ValueError(f"a value comes from {_FROM_FILE}PATH or {_FROM_KEYRING}SERVICE/USER")
        grant = Grant.parse(host)
        if grant.host == EVERYTHING or canonical(grant.host) != grant.host:
            raise ValueError("a secret is for one name")
        return cls(name, source, grant)

    def value(self, environ: Mapping[str, str]) -> str:
        """The value.  Raises ValueError with words if it cannot be had."""
        if not self.source:
            if self.name not in environ:
                raise ValueError(f"{self.name} is not set here")
            return environ[self.name]
        if self.source.startswith(_FROM_FILE):
            try:
                return Path(self.source.removeprefix(_FROM_FILE)).expanduser().read_text("utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                raise ValueError(f"{self.source}: {error}") from error
        return _from_keyring(self.source.removeprefix(_FROM_KEYRING))

    def __str__(self) -> str:
        return f"{self.name}{f'={self.source}' if self.source else ''}@{self.host}"


def _from_keyring(place: str) -> str:
    try:
        import keyring  # who has it uses it
    except ImportError:
        raise ValueError("the package keyring is not installed beside wenv") from None
    service, _, user = place.rpartition("/")
    found: str | None = keyring.get_password(service, user)
    if found is None:
        raise ValueError(f"the keyring has nothing for {place}")
    return found


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret of one run."""

    name: str
    hosts: tuple[Grant, ...]
    value: bytes = field(repr=False)
    placeholder: bytes

    @classmethod
    def made(cls, name: str, value: str, hosts: Iterable[Grant]) -> "Secret":
        """One with a new placeholder.  Raises ValueError for a value that is too short."""
        data = value.encode()
        if len(data) < SHORTEST:
            raise ValueError(f"{name}: a value of {len(data)} bytes, at least {SHORTEST} are needed")
        letters = string.ascii_letters + string.digits
        return cls(name, tuple(hosts), data, (MARK + "".join(secrets.choice(letters) for _ in data[1:])).encode())


class Vault:
    """The secrets of one run."""

    def __init__(self, held: Iterable[Secret], grants: Grants) -> None:
        """Raises ValueError for one whose host may not be reached."""
        self.held, self._grants = tuple(held), grants
        self._told: set[str] = set()
        for secret in self.held:
            for host in secret.hosts:
                numbers = LOOPBACK if is_local(host.host) else ()
                if not grants.allows_name(host.host, host.port) and not any(
                    grants.allows_number(each, host.port) for each in numbers
                ):
                    raise ValueError(f"{secret.name}: the sandbox may not reach {host}; --net {host} allows it")

    @classmethod
    def of(cls, named: Iterable[Named], grants: Grants, environ: Mapping[str, str] = os.environ) -> "Vault":
        """Of secrets as they are written, with their values.  Raises ValueError with words."""
        hosts: dict[str, list[Grant]] = {}
        values: dict[str, str] = {}
        for each in named:
            hosts.setdefault(each.name, []).append(each.host)
            value = each.value(environ)
            if values.setdefault(each.name, value) != value:
                raise ValueError(f"{each.name} has two values")
        return cls([Secret.made(name, values[name], found) for name, found in hosts.items()], grants)

    def __bool__(self) -> bool:
        return bool(self.held)

    def as_json(self) -> list[Any]:
        """For the process that holds a guest: with the values."""
        return [
            [each.name, [str(host) for host in each.hosts], each.value.decode(), each.placeholder.decode()]
            for each in self.held
        ]

    @classmethod
    def read(cls, written: Iterable[Any], grants: Grants) -> "Vault":
        """What `as_json` wrote."""
        return cls(
            [
                Secret(name, tuple(map(Grant.parse, hosts)), value.encode(), placeholder.encode())
                for name, hosts, value, placeholder in written
            ],
            grants,
        )

    @property
    def placeholders(self) -> dict[str, str]:
        """What the variables of a run hold."""
        return {secret.name: secret.placeholder.decode() for secret in self.held}

    def for_host(self, name: str | None, port: int) -> "Exchange | None":
        """What is exchanged on a connection to a granted name; None for nothing."""
        if name is None:
            return None
        found = [s for s in self.held if any(host.names(name) and host.has_port(port) for host in s.hosts)]
        return Exchange(found) if found else None

    def for_buffers(self, name: str) -> tuple["Exchange | None", list[str]]:
        """The same where the guest carries what is ciphered, nobody knows to which port.  A secret that is for one port goes
        along if no other may be reached; the second are the names of those that do not, told once."""
        meant = [secret for secret in self.held if any(host.names(name) for host in secret.hosts)]
        found = [s for s in meant if any(host.names(name) and self._has_no_other(name, host.port) for host in s.hosts)]
        kept = [secret.name for secret in meant if secret not in found and secret.name not in self._told]
        self._told.update(kept)
        return (Exchange(found) if found else None), kept

    def _has_no_other(self, name: str, port: int | None) -> bool:
        reaching = (grant for grant in self._grants.connect if grant.names(name) or grant.networks)
        return port is None or all(grant.port == port for grant in reaching)

    def scrubber(self) -> "Incoming":
        """What takes values out of what a program prints."""
        return Incoming(self.held)


class Exchange:
    """The two directions of one connection."""

    def __init__(self, held: Iterable[Secret]) -> None:
        held = tuple(held)
        self.outgoing, self.incoming = Outgoing(held), Incoming(held)


class Outgoing:
    """Puts values in the places of placeholders; what may be the beginning of one is held back."""

    def __init__(self, held: Iterable[Secret]) -> None:
        self._pairs = [(secret.placeholder, secret.value) for secret in held]
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What is to be sent of this and of what was held back."""
        changed, count = _exchanged(self._held + data, self._pairs)
        self._held = changed[len(changed) - count :]
        return changed[: len(changed) - count]

    def flush(self) -> bytes:
        """What was held back, as nothing follows it."""
        held, self._held = self._held, b""
        return held


class Incoming:
    """Puts placeholders in the places of values.

    Of a value's beginning `HELD` bytes or more are held back until it shows whether the rest follows.  Fewer are passed on, so
    that an answer that ends like this is not waited for; should the rest follow, that is replaced.
    """

    def __init__(self, held: Iterable[Secret]) -> None:
        self._pairs = [(secret.value, secret.placeholder) for secret in held]
        #: What may begin a value, and how many bytes of that were passed on already.
        self._waiting, self._passed = b"", 0

    def feed(self, data: bytes) -> bytes:
        """What is to be passed on of this and of what was held back."""
        changed, count = _exchanged(self._waiting + data, self._pairs)
        begins = len(changed) - count
        end = begins if count >= HELD else len(changed)
        passed = changed[self._passed : end]
        self._waiting, self._passed = changed[begins:], max(self._passed, end) - begins
        return passed

    def flush(self) -> bytes:
        """What was held back, as nothing follows it: the beginning of a value as that of its placeholder."""
        waiting, passed = self._waiting, self._passed
        self._waiting, self._passed = b"", 0
        for value, placeholder in self._pairs:
            if len(waiting) > passed and value.startswith(waiting):
                return placeholder[passed : len(waiting)]
        return waiting[passed:]


def _exchanged(data: bytes, pairs: Sequence[tuple[bytes, bytes]]) -> tuple[bytes, int]:
    """Data with the second of each pair in place of the first, and how many bytes at its end may begin another first one."""
    parts, at = [], 0
    while found := min(((where, pair) for pair in pairs if (where := data.find(pair[0], at)) >= 0), default=None):
        where, (old, new) = found
        parts += [data[at:where], new]
        at = where + len(old)
    rest = data[at:]
    return b"".join([*parts, rest]), _beginning(rest, [old for old, _ in pairs])


def _beginning(data: bytes, texts: Iterable[bytes]) -> int:
    """How many bytes at the end of `data` begin one of these texts, and are not all of it; of several the most."""
    most = 0
    for text in texts:
        for count in range(min(len(text) - 1, len(data)), most, -1):
            if data.endswith(text[:count]):
                most = count
                break
    return most
