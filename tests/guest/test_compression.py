"""bzip2, xz and zstd: modules that componentize-py's CPython lacks, linked into the default runtime."""

import bz2
import lzma
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.conftest import Wenv
from tests.helpers.compression_modules import NAMES, build, gathered
from tests.helpers.native_modules import built
from wenv.runtimes import Runtime
from wenv_resolver.progress import Silent


@pytest.fixture(scope="session")
def sources(shared_cache: Path) -> Path:
    """The sources of the libraries and of CPython's modules for them."""
    place = shared_cache.parent / "compression-modules"
    place.mkdir(exist_ok=True)
    try:
        return gathered(place)
    except (OSError, ValueError, StopIteration, subprocess.CalledProcessError) as error:
        pytest.skip(f"sources of the modules cannot be had: {error}")


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_the_built_module_is_its_sources(runtime: Runtime, headers: Path, sources: Path, tmp_path: Path, name: str) -> None:
    library = runtime.store.tree(runtime.standard_library(Silent()))
    build(name, sources, headers, library / "_sysconfig_vars__wasi_wasm32-wasi.json", tmp_path / "built.so")
    assert (tmp_path / "built.so").read_bytes() == built(name).read_bytes()


ROUND = """
import bz2, io, lzma, tarfile, zipfile
from compression import zstd
text = b"".join(b"line %d of some text\\n" % number for number in range(20_000))
for module in (bz2, lzma, zstd):
    small = module.compress(text)
    assert len(small) < len(text) / 5 and module.decompress(small) == text
    with module.open("/tmp/file", "wb") as file:
        file.write(text[:1000])
        file.write(text[1000:])
    with module.open("/tmp/file", "rt") as file:
        assert sum(1 for _ in file) == 20_000
    try:
        module.decompress(small[:-9] + b"?" * 9)
    except (OSError, EOFError, lzma.LZMAError, zstd.ZstdError) as error:
        print(module.__name__, type(error).__name__)
made = zstd.train_dict([b"item %d of many items" % number for number in range(2000)], 2000)
assert zstd.decompress(zstd.compress(b"item 5 of many items", zstd_dict=made), zstd_dict=made) == b"item 5 of many items"
for kind in ("bz2", "xz", "zst"):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=f"w:{kind}") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    with tarfile.open(fileobj=io.BytesIO(file.getvalue())) as archive:
        print(archive.getnames())
for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_ZSTANDARD):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("text", text)
    assert zipfile.ZipFile(file).read("text") == text
print(lzma.is_check_supported(lzma.CHECK_SHA256), bz2.BZ2Compressor.__module__)
"""


def test_all_three_work(wenv: Wenv) -> None:
    wenv("create", "--runtime", "default")
    assert wenv.python(ROUND).splitlines() == [
        "bz2 OSError", "lzma LZMAError", "compression.zstd ZstdError", "['empty']", "['empty']", "['empty']", "True _bz2",
    ]  # fmt: skip


def test_the_host_reads_what_the_guest_wrote(wenv: Wenv) -> None:
    wenv("create", "--runtime", "default")
    code = "import bz2, lzma; bz2.open('a.bz2', 'w').write(b'a' * 999); lzma.open('b.xz', 'w').write(b'b' * 999)"
    wenv("run", "--write", "-c", code)
    assert bz2.decompress((wenv.folder / "a.bz2").read_bytes()) == b"a" * 999
    assert lzma.decompress((wenv.folder / "b.xz").read_bytes()) == b"b" * 999
    with tarfile.open(wenv.folder / "c.tar.xz", "w:xz") as archive:
        archive.add(wenv.folder / "a.bz2", "a.bz2")
    assert wenv.python("import tarfile; print(tarfile.open('c.tar.xz').getnames())") == "['a.bz2']\n"
