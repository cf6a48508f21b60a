"""`hashlib.pbkdf2_hmac` and `hashlib.scrypt`, which CPython has from OpenSSL: of a module of our own, or in Python."""

from types import ModuleType
from typing import Any

try:
    from .. import _kdf
except ImportError:  # a runtime that no module can be linked with
    _kdf = None  # type: ignore[assignment]

#: Bytes that scrypt may use unless more is allowed, as OpenSSL has it, and what no number may be larger than.
USUAL_MEMORY, LARGEST = 32 << 20, (1 << 31) - 1
IN_C = ("sha1", "sha224", "sha256", "sha384", "sha512")


def pbkdf2_hmac(hash_name: str, password: Any, salt: Any, iterations: int, dklen: int | None = None) -> bytes:
    """Password based key derivation function 2 (PKCS #5 v2.0) with HMAC as pseudorandom function."""
    import hashlib

    if not isinstance(hash_name, str):
        raise TypeError(f"pbkdf2_hmac() argument 'hash_name' must be str, not {type(hash_name).__name__}")
    if iterations < 1:
        raise ValueError("iteration value must be greater than 0.")
    if iterations > LARGEST:
        raise OverflowError("iteration value is too great.")
    name = hash_name.lower().replace("-", "")  # as OpenSSL reads SHA-256
    name = name if name in IN_C else hash_name
    if dklen is None:
        dklen = hashlib.new(name).digest_size
    if dklen < 1:
        raise ValueError("key length must be greater than 0.")
    if dklen > LARGEST:
        raise OverflowError("key length is too great.")
    if _kdf is not None and name in IN_C:
        return _kdf.pbkdf2(name, password, salt, iterations, dklen)
    return _in_python(name, bytes(password), bytes(salt), iterations, dklen)


def _in_python(name: str, password: bytes, salt: bytes, iterations: int, dklen: int) -> bytes:
    import hmac

    keyed, made = hmac.new(password, None, name), b""
    number = 0
    while len(made) < dklen:
        number += 1
        last = _digest(keyed, salt + number.to_bytes(4, "big"))
        whole = int.from_bytes(last, "big")
        for _ in range(iterations - 1):
            last = _digest(keyed, last)
            whole ^= int.from_bytes(last, "big")
        made += whole.to_bytes(len(last), "big")
    return made[:dklen]


def _digest(keyed: Any, data: bytes) -> bytes:
    digest = keyed.copy()
    digest.update(data)
    made: bytes = digest.digest()
    return made


def scrypt(
    password: Any, *, salt: Any = None, n: int | None = None, r: int | None = None, p: int | None = None, maxmem: int = 0,
    dklen: int = 64,
) -> bytes:  # fmt: skip
    """Scrypt password-based key derivation function (RFC 7914)."""
    if salt is None or n is None or r is None or p is None:
        missing = next(name for name, value in {"salt": salt, "n": n, "r": r, "p": p}.items() if value is None)
        raise TypeError(f"{missing} is required")
    if n < 2 or n & (n - 1):
        raise ValueError("n must be a power of 2.")
    for name, value, least in (("maxmem", maxmem, 0), ("dklen", dklen, 1)):
        if not least <= value <= LARGEST:
            raise ValueError(f"{name} must be at least {least} and smaller than {LARGEST}")
    if r < 1 or p < 1 or r * p >= 1 << 30:
        raise ValueError("Invalid parameter combination for n, r, p, maxmem.")
    if 128 * r * (n + p + 2) > (maxmem or USUAL_MEMORY):
        raise ValueError("[digital envelope routines] memory limit exceeded")
    if _kdf is None:
        raise ValueError("scrypt takes too long in this runtime, which has none in C: use pbkdf2_hmac, or --runtime default")
    return _kdf.scrypt(password, salt, n, r, p, dklen)


def add(hashlib: ModuleType) -> None:
    """Add them, where they are not."""
    for function in (pbkdf2_hmac, scrypt):
        if not hasattr(hashlib, function.__name__):
            function.__module__ = "hashlib"
            setattr(hashlib, function.__name__, function)
