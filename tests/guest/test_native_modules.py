"""The guest's native modules are what their sources say, and do what they are for."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.conftest import RUNTIMES, Wenv, empty_of_each_runtime
from tests.helpers.native_modules import NAMES, build, built
from wenv.runtimes import Runtime
from wenv_resolver.progress import Silent

empty = pytest.fixture(empty_of_each_runtime, params=RUNTIMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_built_module_is_the_source(runtime: Runtime, headers: Path, tmp_path: Path, name: str) -> None:
    library = runtime.store.tree(runtime.standard_library(Silent()))
    build(name, headers, library / "_sysconfig_vars__wasi_wasm32-wasi.json", tmp_path / "built.so")
    assert (tmp_path / "built.so").read_bytes() == built(name).read_bytes()


#: Lengths around the borders of blocks, and more than one digest.
PASSWORDS = [("password", "salt", 1, None), ("p" * 200, "s" * 300, 3, 100), ("", "", 2, 7), ("x" * 64, "y" * 64, 5, 64),
             ("x" * 128, "y" * 111, 2, 129), ("x" * 65, "y" * 56, 2, 21)]  # fmt: skip
HASHES = ("sha1", "sha224", "sha256", "sha384", "sha512", "SHA-256", "md5", "sha3_256")
KEYS = """
import hashlib, json, sys
hashes, passwords = json.loads(sys.argv[1])
print(json.dumps([hashlib.pbkdf2_hmac(name, one.encode(), two.encode(), rounds, length).hex()
                  for name in hashes for one, two, rounds, length in passwords]))
"""


def test_keys_from_passwords_are_openssls(empty: Wenv) -> None:
    said = json.loads(empty("run", "-c", KEYS, json.dumps([HASHES, PASSWORDS])))
    assert said == [
        hashlib.pbkdf2_hmac(name, one.encode(), two.encode(), rounds, length).hex()
        for name in HASHES
        for one, two, rounds, length in PASSWORDS
    ]


SCRYPT = [(16, 1, 1, 64), (1024, 8, 16, 64), (2, 1, 1, 1), (256, 3, 2, 50), (16384, 8, 1, 32)]


def test_scrypt_is_openssls(wenv: Wenv) -> None:
    wenv("create", "--runtime", "default")
    code = (
        "import hashlib, json, sys\nprint(json.dumps([hashlib.scrypt(b'password', salt=b'NaCl', n=n, r=r, p=p, dklen=d).hex() "
    )
    said = json.loads(wenv("run", "-c", code + "for n, r, p, d in json.loads(sys.argv[1])]))", json.dumps(SCRYPT)))
    assert said == [hashlib.scrypt(b"password", salt=b"NaCl", n=n, r=r, p=p, dklen=d).hex() for n, r, p, d in SCRYPT]
    for wrong in ("n=3, r=1, p=1", "n=32768, r=8, p=1", "n=2, r=0, p=1"):
        assert (
            "ValueError" in wenv.result("run", "-c", f"import hashlib; hashlib.scrypt(b'', salt=b'', {wrong})", status=1).stderr
        )


#: Numbers that are too large for C would else be taken for smaller ones.
WRONG = (
    "scrypt(b'', salt=b'', n=2, r=1 << 25, p=1, maxmem=1 << 40)", "scrypt(b'', salt=b'', n=2, r=1 << 25, p=1, maxmem=-1)",
    "scrypt(b'', salt=b'', n=2, r=1, p=1, dklen=0)", "scrypt(b'', salt=b'', n=2, r=1, p=1, dklen=1 << 40)",
    "pbkdf2_hmac('sha256', b'', b'', (1 << 32) + 1)", "pbkdf2_hmac('sha256', b'', b'', 0)",
    "pbkdf2_hmac('sha256', b'', b'', 1, 0)", "pbkdf2_hmac('sha256', b'', b'', 1, 1 << 40)",
    "pbkdf2_hmac('none', b'', b'', 1)",
)  # fmt: skip


def test_numbers_that_make_no_key_are_refused(empty: Wenv) -> None:
    code = f"""
import hashlib
for work in {WRONG!r}:
    try:
        print(work, eval("hashlib." + work))
    except (ValueError, OverflowError) as error:
        assert str(error), work
"""
    assert empty.python(code) == ""


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_passwords_of_django_and_werkzeug(builds: Wenv, runtime: str) -> None:
    builds("create", "--runtime", runtime, "django", "werkzeug", timeout=900)
    methods = "'pbkdf2:sha256:1000'" if runtime != "default" else "'pbkdf2:sha256:1000', 'scrypt:1024:8:1'"
    code = f"""
from django.conf import settings
settings.configure()
from django.contrib.auth.hashers import check_password, make_password
from werkzeug.security import check_password_hash, generate_password_hash
made = make_password("secret", hasher="pbkdf2_sha1")
print(check_password("secret", made), check_password("other", made))
for method in ({methods},):
    made = generate_password_hash("secret", method)
    print(check_password_hash(made, "secret"), check_password_hash(made, "other"))
"""
    assert set(builds.python(code).splitlines()) == {"True False"}
