"""`_ssl`, under the standard library's own `ssl`: TLS is done by the host, which has the authorities and the keys.

A context is a note of what was asked for.  The host makes a real one of it when a connection needs it, so contexts can be made
without a network, and lie in memory that was saved.
"""

import base64
import os
import sys
from types import ModuleType
from typing import Any, NoReturn

from ..platform import waits
from . import door, tls_constants
from .sockets import _ask

NONE, OPTIONAL, REQUIRED = 0, 1, 2
TLS_CLIENT = 16
NO_CALLBACK = "TLS is done by the host, which calls nothing in the sandbox"


class SSLError(OSError):
    """As `ssl.SSLError`."""

    library = reason = None

    def __str__(self) -> str:
        return str(self.strerror) if isinstance(self.strerror, str) else super().__str__()


class SSLZeroReturnError(SSLError):
    """As in `ssl`."""


class SSLWantReadError(SSLError):
    """As in `ssl`."""


class SSLWantWriteError(SSLError):
    """As in `ssl`."""


class SSLSyscallError(SSLError):
    """As in `ssl`."""


class SSLEOFError(SSLError):
    """As in `ssl`."""


class SSLCertVerificationError(SSLError, ValueError):
    """As in `ssl`."""

    verify_code = verify_message = None


ERRORS: dict[str, type[SSLError]] = {
    error.__name__: error
    for error in (
        SSLError, SSLZeroReturnError, SSLWantReadError, SSLWantWriteError, SSLSyscallError, SSLEOFError,
        SSLCertVerificationError,
    )
}  # fmt: skip


def _error(
    kind: str, number: Any, words: Any, reason: Any = None, library: Any = None, code: Any = None, said: Any = None
) -> Any:
    error: Any = ERRORS[kind](number, words)
    error.reason, error.library = reason, library
    if kind == "SSLCertVerificationError":
        error.verify_code, error.verify_message = code, said
    return error


for _kind, _class in ERRORS.items():
    _class.__module__ = "ssl"
    door.KINDS[_kind] = _error


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
            texts += [text for name in names if "-----BEGIN" in (text := _read(os.path.join(os.fsdecode(capath), name)))]
        for text in texts:
            if isinstance(text, (bytes, bytearray)):
                certificates = [_pem(der) for der in _der_parts(bytes(text))]
            else:
                certificates = list(_certificates(text))
            if not certificates:
                raise _error(
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
            raise _error("SSLError", 9, "[SSL] PEM lib", "PEM_LIB", "SSL")
        self._chains.append(chain)
        self._run = 0

    def set_ciphers(self, ciphers: str, /) -> None:
        self._note("ciphers", str(ciphers))

    def set_ecdh_curve(self, name: str, /) -> None:
        self._note("ecdh_curve", os.fsdecode(name))

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
        return [_tupled(found) for found in _ask("authorities", self._real())[0]]

    def get_ciphers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = _ask("ciphers", self._real())[0]
        return found

    def session_stats(self) -> dict[str, int]:
        """No session is kept."""
        names = ("number", "connect", "connect_good", "connect_renegotiate", "accept", "accept_good", "accept_renegotiate")
        return dict.fromkeys((*names, "hits", "misses", "timeouts", "cache_full"), 0)

    def _real(self) -> int:
        """The host's number for it, in this run."""
        if self._run != door.run or not self._run:
            settings = {**self._journal, "authorities": self._authorities, "chains": self._chains}
            self._handle, self._run = _ask("context", 0, self._protocol, settings)[0], door.run
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


class TLS:
    """What both kinds of connections are; facts come with the end of the handshake."""

    session, session_reused = None, False

    def __init__(self, context: Any, server_side: bool, server_hostname: str | None, owner: Any) -> None:
        self.context, self.server_side, self.server_hostname, self.owner = context, server_side, server_hostname, owner
        self._facts: dict[str, Any] = {}
        self._number = 0

    def cipher(self) -> Any:
        found = self._facts.get("cipher")
        return tuple(found) if found else None

    def shared_ciphers(self) -> Any:
        found = self._facts.get("shared_ciphers")
        return [tuple(each) for each in found] if found else None

    def version(self) -> Any:
        return self._facts.get("version")

    def selected_alpn_protocol(self) -> Any:
        return self._facts.get("alpn")

    def compression(self) -> None:
        return None

    def get_channel_binding(self, cb_type: str = "tls-unique") -> bytes | None:
        if cb_type != "tls-unique":
            raise ValueError(f"{cb_type!r} channel binding type not implemented")
        return bytes.fromhex(self._facts.get("binding", "")) or None

    def getpeercert(self, der: bool = False, /) -> Any:
        if not self._facts:
            raise ValueError("handshake not done yet")
        if der:
            found = base64.b64decode(self._facts["der"])
            return found or None
        return None if self._facts["certificate"] is None else _tupled(self._facts["certificate"])

    def get_verified_chain(self) -> list[Any]:
        raise NotImplementedError("get_verified_chain: the host keeps the chain")

    get_unverified_chain = get_verified_chain

    def verify_client_post_handshake(self) -> NoReturn:
        raise NotImplementedError(f"post-handshake authentication: {NO_CALLBACK}")


class SocketTLS(TLS):
    """TLS on a socket, which the host does: what crosses is plain, once."""

    def __init__(self, context: Any, sock: Any, server_side: bool, server_hostname: str | None, owner: Any) -> None:
        super().__init__(context, server_side, server_hostname, owner)
        self._sock, self._number = sock, sock.fileno()
        _ask("wrap", self._number, context._real(), bool(server_side), server_hostname)

    def _patiently(self, operation: str, *arguments: object, payload: Any = None) -> tuple[Any, bytes]:
        work = lambda seconds: _ask(operation, self._number, *arguments, seconds, payload=payload)  # noqa: E731
        answer: tuple[Any, bytes] = waits.patiently(work, self._sock.gettimeout())
        return answer

    def do_handshake(self) -> None:
        self._facts = self._patiently("handshake")[0]

    def read(self, size: int = 1024, buffer: Any = None, /) -> Any:
        if buffer is not None and (size <= 0 or size > len(buffer)):
            size = len(buffer)
        if size < 0:
            raise ValueError("size should not be negative")
        data = self._patiently("read", size)[1] if size else b""
        return _given(data, buffer)

    def write(self, data: Any, /) -> int:
        view = memoryview(data).cast("B")
        count: int = self._patiently("write", payload=view[: door.CHUNK])[0] if len(view) else 0
        return count

    def pending(self) -> int:
        count: int = _ask("pending", self._number)[0]
        return count

    def shutdown(self) -> Any:
        self._patiently("unwrap")
        return self._sock


class BufferTLS(TLS):
    """TLS between two buffers: the host ciphers, and what comes of it is carried here."""

    def __init__(
        self, context: Any, incoming: Any, outgoing: Any, server_side: bool, server_hostname: str | None, owner: Any
    ) -> None:
        super().__init__(context, server_side, server_hostname, owner)
        self._in, self._out, self._told, self._pending = incoming, outgoing, False, 0
        self._number = _ask("object", 0, context._real(), bool(server_side), server_hostname)[0]

    def __del__(self) -> None:
        try:
            if self._number:
                _ask("forget", self._number)
        except Exception:
            pass

    def _step(self, name: str, size: int = 0, data: Any = b"") -> tuple[int, bytes]:
        received = self._in.read(door.CHUNK)
        ended = self._in.eof and not self._told
        self._told = self._told or ended
        (problem, facts, count, self._pending, sent), out = _ask(
            "step", self._number, name, size, len(received), ended, payload=received + bytes(data)
        )
        self._out.write(out[:sent])
        if problem:
            raise _error(*problem)
        if facts is not None:
            self._facts = facts
        return count, out[sent:]

    def do_handshake(self) -> None:
        self._step("handshake")

    def read(self, size: int = 1024, buffer: Any = None, /) -> Any:
        if buffer is not None and (size <= 0 or size > len(buffer)):
            size = len(buffer)
        return _given(self._step("read", size)[1], buffer)

    def write(self, data: Any, /) -> int:
        return self._step("write", data=memoryview(data).cast("B")[: door.CHUNK])[0]

    def pending(self) -> int:
        return self._pending

    def shutdown(self) -> None:
        self._step("shutdown")


class MemoryBIO:
    """Bytes on their way, as in `ssl`."""

    def __init__(self) -> None:
        self._data, self._ended = bytearray(), False

    @property
    def pending(self) -> int:
        return len(self._data)

    @property
    def eof(self) -> bool:
        return self._ended and not self._data

    def read(self, size: int = -1, /) -> bytes:
        count = len(self._data) if size < 0 else size
        data = bytes(self._data[:count])
        del self._data[:count]
        return data

    def write(self, data: Any, /) -> int:
        if self._ended:
            raise _error("SSLError", 1, "cannot write() after write_eof()")
        self._data += data
        return memoryview(data).nbytes

    def write_eof(self) -> None:
        self._ended = True


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


def _given(data: bytes, buffer: Any) -> Any:
    if buffer is None:
        return data
    memoryview(buffer).cast("B")[: len(data)] = data
    return len(data)


def _tupled(value: Any) -> Any:
    """As `ssl` has certificates: lists are tuples, but those of a certificate's names at the top are as they were."""
    if isinstance(value, dict):
        return {name: _tupled(each) for name, each in value.items()}
    return tuple(map(_tupled, value)) if isinstance(value, list) else value


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
    sys.modules["_ssl"] = module
