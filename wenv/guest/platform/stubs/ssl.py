"""Stands in for `_ssl`: contexts can be made and set up, connecting with one says what is missing.

Clients and servers import `ssl` and make a context long before they connect, and many never do.  Names and values are those of
OpenSSL 3; the standard library's `ssl` is the rest.
"""

import os
from collections.abc import Callable
from typing import Any, NoReturn

MISSING = "TLS is not part of this Python: the sandbox has no network"

OPENSSL_VERSION = "OpenSSL (not part of this Python)"
OPENSSL_VERSION_INFO = _OPENSSL_API_VERSION = (3, 0, 0, 0, 0)
OPENSSL_VERSION_NUMBER = 0x30000000
_DEFAULT_CIPHERS = "DEFAULT"
ENCODING_PEM, ENCODING_DER = 1, 2
_NUMBERS = {
    "PROTOCOL": "SSLv23=2 TLS=2 TLSv1=3 TLSv1_1=4 TLSv1_2=5 TLS_CLIENT=16 TLS_SERVER=17",
    "PROTO": "MINIMUM_SUPPORTED=-2 MAXIMUM_SUPPORTED=-1 SSLv3=768 TLSv1=769 TLSv1_1=770 TLSv1_2=771 TLSv1_3=772",
    "CERT": "NONE=0 OPTIONAL=1 REQUIRED=2",
    "VERIFY": "DEFAULT=0 CRL_CHECK_LEAF=4 CRL_CHECK_CHAIN=12 X509_STRICT=32 ALLOW_PROXY_CERTS=64 X509_TRUSTED_FIRST=32768 "
    "X509_PARTIAL_CHAIN=524288",
    "OP": "ALL=2147483728 NO_SSLv2=0 NO_SSLv3=33554432 NO_TLSv1=67108864 NO_TLSv1_1=268435456 NO_TLSv1_2=134217728 "
    "NO_TLSv1_3=536870912 CIPHER_SERVER_PREFERENCE=4194304 SINGLE_DH_USE=0 SINGLE_ECDH_USE=0 NO_TICKET=16384 "
    "NO_COMPRESSION=131072 NO_RENEGOTIATION=1073741824 ENABLE_MIDDLEBOX_COMPAT=1048576 IGNORE_UNEXPECTED_EOF=128",
    "SSL_ERROR": "SSL=1 WANT_READ=2 WANT_WRITE=3 WANT_X509_LOOKUP=4 SYSCALL=5 ZERO_RETURN=6 WANT_CONNECT=7 EOF=8 "
    "INVALID_ERROR_CODE=10",
    "ALERT_DESCRIPTION": "CLOSE_NOTIFY=0 UNEXPECTED_MESSAGE=10 BAD_RECORD_MAC=20 RECORD_OVERFLOW=22 DECOMPRESSION_FAILURE=30 "
    "HANDSHAKE_FAILURE=40 BAD_CERTIFICATE=42 UNSUPPORTED_CERTIFICATE=43 CERTIFICATE_REVOKED=44 CERTIFICATE_EXPIRED=45 "
    "CERTIFICATE_UNKNOWN=46 ILLEGAL_PARAMETER=47 UNKNOWN_CA=48 ACCESS_DENIED=49 DECODE_ERROR=50 DECRYPT_ERROR=51 "
    "PROTOCOL_VERSION=70 INSUFFICIENT_SECURITY=71 INTERNAL_ERROR=80 USER_CANCELLED=90 NO_RENEGOTIATION=100 "
    "UNSUPPORTED_EXTENSION=110 CERTIFICATE_UNOBTAINABLE=111 UNRECOGNIZED_NAME=112 BAD_CERTIFICATE_STATUS_RESPONSE=113 "
    "BAD_CERTIFICATE_HASH_VALUE=114 UNKNOWN_PSK_IDENTITY=115",
    "HOSTFLAG": "ALWAYS_CHECK_SUBJECT=1 NO_WILDCARDS=2 NO_PARTIAL_WILDCARDS=4 MULTI_LABEL_WILDCARDS=8 "
    "SINGLE_LABEL_SUBDOMAINS=16 NEVER_CHECK_SUBJECT=32",
    "HAS": "SNI=1 ECDH=1 NPN=0 ALPN=1 SSLv2=0 SSLv3=0 TLSv1=0 TLSv1_1=0 TLSv1_2=1 TLSv1_3=1 PSK=0 PSK_TLS13=0 PHA=0 "
    "TLS_UNIQUE=1",
}
for _prefix, _pairs in _NUMBERS.items():
    for _name, _, _value in (pair.partition("=") for pair in _pairs.split()):
        globals()[f"{_prefix}_{_name}"] = bool(int(_value)) if _prefix == "HAS" else int(_value)
#: Number, short and long name of the purposes that the standard library names, by object identifier.
_OBJECTS = {
    "1.3.6.1.5.5.7.3.1": (129, "serverAuth", "TLS Web Server Authentication"),
    "1.3.6.1.5.5.7.3.2": (130, "clientAuth", "TLS Web Client Authentication"),
}
_TLS_CLIENT, _NONE, _REQUIRED = 16, 0, 2


class SSLError(OSError):
    """As `ssl.SSLError`."""

    library = reason = None


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


for _error in (
    SSLError, SSLZeroReturnError, SSLWantReadError, SSLWantWriteError, SSLSyscallError, SSLEOFError, SSLCertVerificationError
):  # fmt: skip
    _error.__module__ = "ssl"


def _refuse(*_: object, **__: object) -> NoReturn:
    raise SSLError(MISSING)


def _setting(name: str, default: object) -> Any:
    """An attribute of a context, which is kept and has no effect."""

    def set_it(context: object, value: object) -> None:
        vars(context)[name] = value

    return property(lambda context: vars(context).get(name, default), set_it)


class _SSLContext:
    """What a connection would be made with."""

    options = _setting("_options", 2147483728)
    verify_flags = _setting("_verify_flags", 32768)
    minimum_version = _setting("_minimum_version", -2)
    maximum_version = _setting("_maximum_version", -1)
    num_tickets = _setting("_num_tickets", 2)
    post_handshake_auth = _setting("_post_handshake_auth", False)
    keylog_filename = _setting("_keylog_filename", None)
    sni_callback = _setting("_sni_callback", None)
    _host_flags = _setting("_hosts", 4)
    _msg_callback = _setting("_messages", None)
    security_level = 2

    def __new__(cls, protocol: int) -> Any:
        context = super().__new__(cls)
        is_client = protocol == _TLS_CLIENT
        vars(context).update(_kind=protocol, _mode=_REQUIRED if is_client else _NONE, _checks=is_client)
        return context

    protocol = property(lambda self: vars(self)["_kind"])

    @property
    def verify_mode(self) -> int:
        """As in `ssl`."""
        mode: int = vars(self)["_mode"]
        return mode

    @verify_mode.setter
    def verify_mode(self, mode: int) -> None:
        if mode == _NONE and self.check_hostname:
            raise ValueError("Cannot set verify_mode to CERT_NONE when check_hostname is enabled.")
        vars(self)["_mode"] = int(mode)

    @property
    def check_hostname(self) -> bool:
        """As in `ssl`."""
        return bool(vars(self)["_checks"])

    @check_hostname.setter
    def check_hostname(self, checks: bool) -> None:
        if checks and self.verify_mode == _NONE:
            self.verify_mode = _REQUIRED
        vars(self)["_checks"] = bool(checks)

    def load_verify_locations(self, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        """Looks whether the files are there."""
        if cafile is capath is cadata is None:
            raise TypeError("cafile, capath and cadata cannot be all omitted")
        for path in (cafile, capath):
            if path is not None:
                os.stat(path)

    def set_default_verify_paths(self) -> None:
        """There are none."""

    def set_ciphers(self, ciphers: str, /) -> None:
        """Has no effect."""

    def set_ecdh_curve(self, name: str, /) -> None:
        """Has no effect."""

    def _set_alpn_protocols(self, protocols: bytes, /) -> None:
        return

    def get_ca_certs(self, binary_form: bool = False) -> list[object]:
        """None are trusted."""
        return []

    def get_ciphers(self) -> list[object]:
        """There are none."""
        return []

    def cert_store_stats(self) -> dict[str, int]:
        """Of no certificates."""
        return {"x509": 0, "crl": 0, "x509_ca": 0}

    def session_stats(self) -> dict[str, int]:
        """Of no sessions."""
        names = ("number", "connect", "connect_good", "connect_renegotiate", "accept", "accept_good", "accept_renegotiate")
        return dict.fromkeys((*names, "hits", "misses", "timeouts", "cache_full"), 0)

    load_cert_chain = load_dh_params = set_psk_client_callback = set_psk_server_callback = _refuse
    _wrap_socket = _wrap_bio = _refuse


class MemoryBIO:
    """Bytes on their way, as in `ssl`."""

    def __init__(self) -> None:
        self._data, self._ended = bytearray(), False

    @property
    def pending(self) -> int:
        """How many bytes can be read."""
        return len(self._data)

    @property
    def eof(self) -> bool:
        """Whether no more will come."""
        return self._ended and not self._data

    def read(self, size: int = -1, /) -> bytes:
        """Take bytes."""
        count = len(self._data) if size < 0 else size
        data = bytes(self._data[:count])
        del self._data[:count]
        return data

    def write(self, data: Any, /) -> int:
        """Add bytes."""
        if self._ended:
            raise SSLError("cannot write() after write_eof()")
        self._data += data
        return len(data)

    def write_eof(self) -> None:
        """No more will come."""
        self._ended = True


class SSLSession:
    """Cannot be made."""

    __init__: Callable[..., None] = _refuse


def txt2obj(text: str, name: bool = False) -> tuple[int, str, str, str]:
    """Number, short name, long name and identifier of an object; raises ValueError."""
    for oid, (number, short, long) in _OBJECTS.items():
        if text == oid or (name and text in (short, long)):
            return number, short, long, oid
    raise ValueError(f"unknown object '{text[:100]}'")


def nid2obj(number: int, /) -> tuple[int, str, str, str]:
    """The same by number."""
    for oid, (known, short, long) in _OBJECTS.items():
        if known == number:
            return known, short, long, oid
    raise ValueError(f"unknown NID {number}")


def get_default_verify_paths() -> tuple[str, str, str, str]:
    """Where certificates would be, and the variables that say so."""
    return "SSL_CERT_FILE", "/usr/lib/ssl/cert.pem", "SSL_CERT_DIR", "/usr/lib/ssl/certs"


def RAND_status() -> bool:  # noqa: N802
    """Always true: the system's generator is used."""
    return True


def RAND_add(data: object, entropy: float, /) -> None:  # noqa: N802
    """Has no effect."""


def RAND_bytes(size: int, /) -> bytes:  # noqa: N802
    """Random bytes of the system's."""
    return os.urandom(size)


_test_decode_cert = _refuse
