"""TLS for a sandbox: real contexts, made of what the guest noted of its own, and what is told of a connection."""

import json
import os
import ssl
import tempfile
from collections import OrderedDict
from hashlib import sha256
from typing import Any

#: Contexts that are kept, by the digest of what they were made from: to read the authorities takes 20 ms.
KEPT = 32
#: Settings of a context, in the order in which they can be made.
SETTINGS = (
    "check_hostname", "verify_mode", "options", "minimum_version", "maximum_version", "verify_flags", "num_tickets",
    "post_handshake_auth",
)  # fmt: skip
PROTOCOLS = {int(kind): kind for kind in (ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER)}
#: What a client and a server may be asked for that knows no difference.
EITHER = int(ssl.PROTOCOL_TLS)


class Contexts:
    """The contexts of a run."""

    def __init__(self, authority: str = "") -> None:
        """`authority` are certificates (PEM) that the user trusts besides the host's."""
        self._authority = authority
        self._kept: OrderedDict[str, ssl.SSLContext] = OrderedDict()

    def verified(self) -> ssl.SSLContext:
        """A client's context that trusts whom the host and the user do, whatever a guest says, and speaks HTTP/1.1."""
        settings = {"check_hostname": True, "verify_mode": int(ssl.CERT_REQUIRED), "default_certs": True, "alpn": ["http/1.1"]}
        return self.made(int(ssl.PROTOCOL_TLS_CLIENT), settings)

    def made(self, protocol: int, settings: dict[str, Any], server_side: bool = False) -> ssl.SSLContext:
        """A context as it was noted.  Raises what `ssl` raises, and ValueError."""
        key = sha256(json.dumps([protocol, settings, server_side], sort_keys=True).encode()).hexdigest()
        context = self._kept.pop(key, None)
        if context is None:
            context = _made(protocol, settings, server_side, self._authority)
        self._kept[key] = context
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return context


def check_authority(text: str) -> None:
    """Raises ValueError for a text without certificates (PEM)."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        raise ValueError("no certificates are in it") from None


def _made(protocol: int, settings: dict[str, Any], server_side: bool, authority: str) -> ssl.SSLContext:
    if protocol == EITHER:
        protocol = int(ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT)
    if protocol not in PROTOCOLS:
        raise ValueError("the host does TLS 1.2 and later only")
    context = ssl.SSLContext(PROTOCOLS[protocol])
    context.check_hostname = False
    for name in ("verify_mode", *SETTINGS):
        if name in settings:
            setattr(context, name, int(settings[name]))
    if settings.get("host_flags") is not None and hasattr(context, "_host_flags"):
        context._host_flags = int(settings["host_flags"])
    if settings.get("ciphers"):
        context.set_ciphers(str(settings["ciphers"]))
    if settings.get("ecdh_curve"):
        context.set_ecdh_curve(str(settings["ecdh_curve"]))
    if settings.get("alpn"):
        context.set_alpn_protocols([str(name) for name in settings["alpn"]])
    if settings.get("default_certs"):
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH if server_side else ssl.Purpose.SERVER_AUTH)
        if authority:
            context.load_verify_locations(cadata=authority)
    authorities = "".join(str(text) for text in settings.get("authorities", ()))
    if authorities:
        context.load_verify_locations(cadata=authorities)
    for certificate, key, password in settings.get("chains", ()):
        _load_chain(context, str(certificate), None if key is None else str(key), None if password is None else str(password))
    return context


def _load_chain(context: ssl.SSLContext, certificate: str, key: str | None, password: str | None) -> None:
    """Load a certificate and its key, which OpenSSL takes from files only."""
    with tempfile.TemporaryDirectory(prefix="wenv-tls-") as folder:
        names = [os.path.join(folder, "certificate"), os.path.join(folder, "key")]  # noqa: PTH118 - texts for OpenSSL
        for name, text in zip(names, (certificate, key), strict=True):
            if text is not None:
                with open(os.open(name, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:  # noqa: PTH123 - opened above
                    file.write(text)
        # a key that wants a password and has none would be asked for on the terminal
        context.load_cert_chain(names[0], None if key is None else names[1], password or "")


def facts_of(connection: ssl.SSLSocket | ssl.SSLObject) -> dict[str, Any]:
    """What a program may want to know once the handshake is done, but for certificates: few want these."""
    return {
        "cipher": connection.cipher(),
        "shared_ciphers": connection.shared_ciphers(),
        "version": connection.version(),
        "alpn": connection.selected_alpn_protocol(),
        "binding": (connection.get_channel_binding("tls-unique") or b"").hex(),
    }


def error_parts(error: ssl.SSLError) -> list[Any]:
    """What the guest makes the same exception of."""
    names = ("reason", "library", "verify_code", "verify_message")  # what Python raises by itself has none of them
    return [type(error).__name__, error.errno, error.strerror or str(error), *(getattr(error, name, None) for name in names)]
