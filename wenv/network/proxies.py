"""The host's proxies: where it reaches the network only through one, so does a sandbox.

A proxy is asked to connect (HTTP's CONNECT) to a name that was checked here, and looks that up itself.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from urllib import request
from urllib.parse import unquote, urlsplit

from wenv.network.addresses import address_of, is_local, is_public

#: Bytes of a proxy's answer.
LARGEST = 1 << 14


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; `authorization` is the value of its header, empty for none."""

    host: str
    port: int
    authorization: str = ""

    @classmethod
    def parse(cls, text: str) -> "Proxy":
        """Read ``http://[USER:PASSWORD@]HOST:PORT``.  Raises ValueError for a proxy of another kind."""
        parts = urlsplit(text if "://" in text else f"http://{text}")
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"it is one of {parts.scheme}, and sandboxes go through those of http only")
        given = ""
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            given = f"Basic {base64.b64encode(pair.encode()).decode()}"
        try:
            port = parts.port
        except ValueError:
            raise ValueError(f"{parts.netloc.rpartition('@')[2]} has no port that is a number") from None
        return cls(parts.hostname, port or 80, given)

    def request(self, host: str, port: int) -> bytes:
        """What asks it to connect to a name or address that was checked."""
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if self.authorization:
            lines.append(f"Proxy-Authorization: {self.authorization}")
        return "\r\n".join([*lines, "", ""]).encode("ascii")


@dataclass(frozen=True, slots=True)
class Proxies:
    """What the host's variables say: a proxy by scheme, and ``no``."""

    found: Mapping[str, str]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Proxies":
        """Of ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``, in either case."""
        found: dict[str, str] = {}
        for name in ("https", "all", "no"):
            value = environment.get(f"{name}_proxy") or environment.get(f"{name.upper()}_PROXY")
            if value:
                found[name] = value
        return cls(found)

    def for_name(self, host: str, port: int) -> Proxy | None:
        """The proxy to a host, None for a connection of one's own.  Raises ValueError for a proxy that cannot be used."""
        chosen = self.found.get("https") or self.found.get("all")
        if not chosen:
            return None
        address = address_of(host)
        if is_local(host) or (address is not None and not is_public(address)):
            return None  # this machine and one's own networks are not behind it
        if request.proxy_bypass_environment(f"{host}:{port}", dict(self.found)):  # type: ignore[attr-defined]
            return None
        return Proxy.parse(chosen)
