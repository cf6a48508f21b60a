"""`hashlib.pbkdf2_hmac` and `hashlib.scrypt`, which CPython has from OpenSSL: of a module of our own, or in Python."""

from types import ModuleType
from typing import Any

try:
    from .. import _kdf
except ImportError:  # a runtime that no module can be linked with
    _kdf = None  # type: ignore[assignment]

#: Bytes that scrypt may use unless more is allowed, as OpenSSL has it.
MOST = 32 << 20
IN_C = ("sha1", "sha224", "sha256", "sha384", "sha512")


def add(hashlib: ModuleType) -> None:
    """Add them, where they are not."""
    new: Any = hashlib.new

    def pbkdf2_hmac(hash_name: str, password: Any, salt: Any, iterations: int, dklen: int | None = None) -> bytes:
        """Password based key derivation function 2 (PKCS #5 v2.0) with HMAC as pseudorandom function."""
        if not isinstance(hash_name, str):
            raise TypeError(hash_name)
        if iterations < 1:
            raise ValueError("iteration value must be greater than 0.")
        name = hash_name.lower().replace("-", "")  # as OpenSSL reads SHA-256
        name = name if name in IN_C else hash_name
        if dklen is None:
            dklen = new(name).digest_size
        if dklen < 1:
            raise ValueError("key length must be greater than 0.")
        if _kdf is not None and name in IN_C:
            return _kdf.pbkdf2(name, password, salt, iterations, dklen)
        return _in_python(name, bytes(password), bytes(salt), iterations, dklen)

    def scrypt(
        password: Any, *, salt: Any = None, n: int | None = None, r: int | None = None, p: int | None = None, maxmem: int = 0,
        dklen: int = 64,
    ) -> bytes:  # fmt: skip
        """Scrypt password-based key derivation function (RFC 7914)."""
        if salt is None or n is None or r is None or p is None:
            missing = "salt" if salt is None else "n" if n is None else "r" if r is None else "p"
            raise TypeError(f"{missing} is required")
        if n < 2 or n & (n - 1):
            raise ValueError("n must be a power of 2.")
        if r < 1 or p < 1 or r * p >= 1 << 30 or dklen < 1:
            raise ValueError("Invalid parameter combination for n, r, p, maxmem.")
        if 128 * r * (n + p + 2) > (maxmem or MOST):
            raise ValueError("[digital envelope routines] memory limit exceeded")
        if _kdf is None:
            raise ValueError(
                "scrypt takes too long in this runtime, which has none in C: use pbkdf2_hmac, or --runtime default"
            )
        return _kdf.scrypt(password, salt, n, r, p, dklen)

    def _in_python(name: str, password: bytes, salt: bytes, iterations: int, dklen: int) -> bytes:
        import hmac

        keyed, made = hmac.new(password, None, name), b""
        number = 0
        while len(made) < dklen:
            number += 1
            digest = keyed.copy()
            digest.update(salt + number.to_bytes(4, "big"))
            last = digest.digest()
            whole = int.from_bytes(last, "big")
            for _ in range(iterations - 1):
                digest = keyed.copy()
                digest.update(last)
                last = digest.digest()
                whole ^= int.from_bytes(last, "big")
            made += whole.to_bytes(len(last), "big")
        return made[:dklen]

    for function in (pbkdf2_hmac, scrypt):
        if not hasattr(hashlib, function.__name__):
            function.__module__, function.__qualname__ = "hashlib", function.__name__
            setattr(hashlib, function.__name__, function)
