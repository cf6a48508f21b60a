"""`_ssl`, under the standard library's own `ssl`: TLS is done by the host, which has the authorities and the keys.

A context is a note of what was asked for.  The host makes a real one of it when a connection needs it, so contexts can be made
without a network, and lie in memory that was saved.
"""

import base64
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

from ..imports import replaced
from . import door, tls_constants
from .door import ask_network
from .tls_connections import NO_CALLBACK, BufferTLS, MemoryBIO, SocketTLS, tupled
from .tls_errors import ERRORS, error_of

NONE, OPTIONAL, REQUIRED = 0, 1, 2
TLS_CLIENT = 16


def _noted(name: str, default: Any) -> Any:
    """A setting that the host is told."""

    def set_it(context: Any, value: Any) -> None:
        context._note(name, int(value))

    return property(lambda context: context._journal.get(name, default), set_it)


def _refused(name: str, none: Any) -> Any:
    """A setting that would have no effect: only `none` is taken."""

    def set_it(context: Any, value: Any) -> None:
        if value != none:
            raise NotImplementedError(f"{name}: {NO_CALLBACK}")

    return property(lambda context: none, set_it)


class _SSLContext:
    """What a connection is made with."""

    options = _noted("options", tls_constants.OP_ALL | tls_constants.OP_NO_SSLv3)  # type: ignore[attr-defined]
    verify_flags = _noted("verify_flags", tls_constants.VERIFY_X509_TRUSTED_FIRST)  # type: ignore[attr-defined]
    minimum_version = _noted("minimum_version", tls_constants.PROTO_TLSv1_2)  # type: ignore[attr-defined]
    maximum_version = _noted("maximum_version", tls_constants.PROTO_MAXIMUM_SUPPORTED)  # type: ignore[attr-defined]
    num_tickets = _noted("num_tickets", 2)
    _host_flags = _noted("host_flags", tls_constants.HOSTFLAG_NO_PARTIAL_WILDCARDS)  # type: ignore[attr-defined]
    keylog_filename = _refused("keylog_filename", None)
    sni_callback = _refused("sni_callback", None)
    post_handshake_auth = _noted("post_handshake_auth", 0)
    _msg_callback = _refused("_msg_callback", None)
    security_level = 2
    _protocol: int
    _journal: dict[str, Any]
    #: PEM; each chain has a certificate, its key and a password.
    _authorities: list[str]
    _chains: list[list[Any]]

    def __new__(cls, protocol: int = TLS_CLIENT) -> Any:
        context: Any = super().__new__(cls)
        is_client = protocol == TLS_CLIENT
        context._protocol = int(protocol)
        context._journal = {"verify_mode": REQUIRED if is_client else NONE, "check_hostname": is_client}
        context._authorities = []
        context._chains = []
        context._handle = context._run = 0
        return context

    protocol = property(lambda self: self._protocol)

    def _note(self, name: str, value: Any) -> None:
        self._journal[name] = value
        self._run = 0

    @property
    def verify_mode(self) -> int:
        mode: int = self._journal["verify_mode"]
        return mode

    @verify_mode.setter
    def verify_mode(self, mode: int) -> None:
        if mode not in (NONE, OPTIONAL, REQUIRED):
            raise ValueError("invalid value for verify_mode")
        if mode == NONE and self.check_hostname:
            raise ValueError("Cannot set verify_mode to CERT_NONE when check_hostname is enabled.")
        self._note("verify_mode", int(mode))

    @property
    def check_hostname(self) -> bool:
        return bool(self._journal["check_hostname"])

    @check_hostname.setter
    def check_hostname(self, checks: bool) -> None:
        if checks and self.verify_mode == NONE:
            self.verify_mode = REQUIRED
        self._note("check_hostname", bool(checks))

    def load_verify_locations(self, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        """Files are read here, and their certificates go to the host."""
        if cafile is capath is cadata is None:
            raise TypeError("cafile, capath and cadata cannot be all omitted")
        texts = [] if cadata is None else [cadata]
        if cafile is not None:
            texts.append(_read(cafile))
        if capath is not None:
            names = sorted(os.listdir(capath)) if os.path.isdir(capath) else []
            paths = [os.path.join(os.fsdecode(capath), name) for name in names]
            texts += [text for path in paths if os.path.isfile(path) and "-----BEGIN" in (text := _read(path))]
        for text in texts:
            if isinstance(text, (bytes, bytearray)):
                certificates = [_pem(der) for der in _der_parts(bytes(text))]
            else:
                certificates = list(_certificates(text))
            if not certificates:
                raise error_of(
                    "SSLError",
                    136,
                    "[X509: NO_CERTIFICATE_OR_CRL_FOUND] no certificate or crl found",
                    "NO_CERTIFICATE_OR_CRL_FOUND",
                    "X509",
                )
            self._authorities += [each for each in certificates if each not in self._authorities]
        self._run = 0

    def set_default_verify_paths(self) -> None:
        self._note("default_certs", True)

    def load_cert_chain(self, certfile: Any, keyfile: Any = None, password: Any = None) -> None:
        """Both go to the host, which signs with the key."""
        chain = [_read(certfile), None if keyfile is None else _read(keyfile)]
        secret = password() if callable(password) else password
        chain.append(bytes(secret).decode() if isinstance(secret, (bytes, bytearray)) else secret)
        if "-----BEGIN" not in str(chain[0]):
            raise error_of("SSLError", 9, "[SSL] PEM lib", "PEM_LIB", "SSL")
        self._chains.append(chain)
        self._check(self._chains.pop)

    def set_ciphers(self, ciphers: str, /) -> None:
        self._replace("ciphers", str(ciphers))

    def set_ecdh_curve(self, name: str, /) -> None:
        self._replace("ecdh_curve", os.fsdecode(name))

    def _replace(self, name: str, value: str) -> None:
        old = self._journal.get(name)
        self._note(name, value)
        self._check(lambda: self._note(name, old))

    def _check(self, undo: Callable[[], object]) -> None:
        """Have the host raise what is wrong with a setting, if it is there; else a connection shows it."""
        self._run = 0
        if "network" in door.granted:
            try:
                self._real()
            except BaseException:
                undo()
                raise

    def _set_alpn_protocols(self, protocols: bytes, /) -> None:
        names, left = [], bytes(protocols)
        while left:
            names.append(left[1 : 1 + left[0]].decode("ascii"))
            left = left[1 + left[0] :]
        self._note("alpn", names)

    def load_dh_params(self, *_: object) -> NoReturn:
        raise NotImplementedError("load_dh_params: the host chooses parameters")

    def set_psk_client_callback(self, *_: object) -> NoReturn:
        raise NotImplementedError(f"pre-shared keys: {NO_CALLBACK}")

    set_psk_server_callback = set_psk_client_callback

    def cert_store_stats(self) -> dict[str, int]:
        """Of what was loaded; how many the host trusts besides is not known here."""
        return {"x509": len(self._authorities), "crl": 0, "x509_ca": len(self._authorities)}

    def get_ca_certs(self, binary_form: bool = False) -> list[Any]:
        if binary_form:
            return [base64.b64decode("".join(text.splitlines()[1:-1])) for text in self._authorities]
        if not self._authorities:
            return []
        return [tupled(found) for found in ask_network("authorities", self._real())[0]]

    def get_ciphers(self) -> list[dict[str, Any]]:
        """What the host has for this context; without a network those that every host's OpenSSL has."""
        if "network" not in door.granted:
            return [dict(each) for each in tls_constants.CIPHERS]
        found: list[dict[str, Any]] = ask_network("ciphers", self._real())[0]
        return found

    def session_stats(self) -> dict[str, int]:
        """No session is kept."""
        names = ("number", "connect", "connect_good", "connect_renegotiate", "accept", "accept_good", "accept_renegotiate")
        return dict.fromkeys((*names, "hits", "misses", "timeouts", "cache_full"), 0)

    def _real(self) -> int:
        """The host's number for it, in this run."""
        if self._run != door.run or not self._run:
            settings = {**self._journal, "authorities": self._authorities, "chains": self._chains}
            self._handle, self._run = ask_network("context", 0, self._protocol, settings)[0], door.run
        number: int = self._handle
        return number

    def _wrap_socket(
        self, sock: Any, server_side: bool, server_hostname: Any = None, *, owner: Any = None, session: Any = None
    ) -> Any:
        return SocketTLS(self, sock, server_side, _name(server_hostname), owner)

    def _wrap_bio(
        self,
        incoming: Any,
        outgoing: Any,
        server_side: bool,
        server_hostname: Any = None,
        *,
        owner: Any = None,
        session: Any = None,
    ) -> Any:
        return BufferTLS(self, incoming, outgoing, server_side, _name(server_hostname), owner)


class SSLSession:
    """None is kept for programs."""

    def __new__(cls, *_: object) -> NoReturn:
        raise TypeError("cannot create 'ssl.SSLSession' instances")


class Certificate:
    """For annotations."""


def txt2obj(txt: str, name: bool = False) -> tuple[int, str, str, str]:
    for oid, (number, short, long) in tls_constants._OBJECTS.items():
        if txt == oid or (name and txt in (short, long)):
            return number, short, long, oid
    raise ValueError(f"unknown object '{txt[:100]}'")


def nid2obj(nid: int, /) -> tuple[int, str, str, str]:
    for oid, (known, short, long) in tls_constants._OBJECTS.items():
        if known == nid:
            return known, short, long, oid
    raise ValueError(f"unknown NID {nid}")


def get_default_verify_paths() -> tuple[str, str, str, str]:
    """No such files are there: the host's are used."""
    return "SSL_CERT_FILE", "/usr/lib/ssl/cert.pem", "SSL_CERT_DIR", "/usr/lib/ssl/certs"


def get_sigalgs() -> list[str]:
    """The host's own."""
    return []


def RAND_status() -> bool:  # noqa: N802
    return True


def RAND_add(string: object, entropy: float, /) -> None:  # noqa: N802
    """The system's generator needs nothing."""


def RAND_bytes(n: int, /) -> bytes:  # noqa: N802
    return os.urandom(n)


def _test_decode_cert(path: Any, /) -> NoReturn:
    raise NotImplementedError("certificates are decoded by the host")


def _read(path: Any) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()


def _name(given: Any) -> str | None:
    if given is None:
        return None
    return given.decode("ascii") if isinstance(given, (bytes, bytearray)) else str(given)


def _certificates(text: str) -> Any:
    """The certificates in a text, without what is written between them."""
    for part in text.split("-----BEGIN ")[1:]:
        kind, _, rest = part.partition("-----")
        body, end, _ = rest.partition("-----END ")
        if end and kind in ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"):
            yield f"-----BEGIN {kind}-----{body}-----END {kind}-----\n"


def _pem(der: bytes) -> str:
    return "-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der).decode("ascii") + "-----END CERTIFICATE-----\n"


def _der_parts(data: bytes) -> Any:
    """The certificates that lie one after the other: each begins with its length."""
    while len(data) > 4 and data[0] == 0x30:
        size = data[1] & 0x7F
        length = 2 + data[1] if data[1] < 0x80 else 2 + size + int.from_bytes(data[2 : 2 + size], "big")
        yield data[:length]
        data = data[length:]


def install() -> None:
    """Put it in place, before `ssl` is imported."""
    module = ModuleType("_ssl", __doc__)
    vars(module).update({name: value for name, value in vars(tls_constants).items() if not name.startswith("__")})
    own: tuple[Any, ...] = (
        _SSLContext, MemoryBIO, SSLSession, Certificate, txt2obj, nid2obj, get_default_verify_paths, get_sigalgs, RAND_status,
        RAND_add, RAND_bytes, _test_decode_cert, *ERRORS.values(),
    )  # fmt: skip
    for each in own:
        setattr(module, each.__name__, each)
    replaced.put("_ssl", module)
