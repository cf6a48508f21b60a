"""Two thousand mutations of valid ``.wenv`` files: each is refused in plain words, or is whole; the store is as it was."""

import hashlib
import io
import json
import tarfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wenv.environment.manifest import PackageLayer, RuntimeRecord
from wenv.policy.policy import Policy
from wenv.share import artifact, incoming, receive
from wenv.share.artifact import DIGEST, LAYER, SIZE, Configuration
from wenv_cache import oci
from wenv_cache.errors import UserError
from wenv_cache.layers import LayerWriter, publish
from wenv_cache.oci import Descriptor, ImageManifest
from wenv_cache.store import Store
from wenv_cache.verify import verify
from wenv_resolver.progress import Silent

#: How many mutations are tried, and how many in the long run.
EXAMPLES = (500, pytest.param(2000, marks=pytest.mark.long))
#: What reading any file may take of memory, beside the file's own documents, in bytes; and of the disk.
MEMORY, DISK = 200 << 20, 1 << 20
#: All files of the valid environment together may hold this.
LARGEST = 1 << 20

Parts = dict[str, Any]


def valid(folder: Path) -> Parts:
    """The parts of a valid file: the configuration, and layers as (digest, size, archive)."""
    store = Store(folder)
    layers, packages = [], []
    with store.writing() as writing, store.staging() as staging:
        for name in ("zz-a", "zz-b"):
            writer = LayerWriter(store, staging)
            long = "d" * 120 + "/" + "e" * 60
            for path, data in (("site-packages/x.py", b"x = 1\n" * 50), (f"site-packages/{long}.txt", name.encode() * 99)):
                writer.add(path, io.BytesIO(data))
            layer = writer.finish()
            publish(writing, [layer])
            blob = io.BytesIO()
            oci.write_layer(store, layer.manifest.digest, blob)
            layers.append((layer.manifest.digest, layer.manifest.size, blob.getvalue()))
            packages.append(PackageLayer(name, "1.0", layer.manifest.digest, f"{name}-1.0-py3-none-any.whl", "0" * 64))
    from wenv_cache.manifest import snapshot_digest

    library = "1" * 64
    configuration = Configuration(
        snapshot_digest([library, *(package.digest for package in packages)]),
        RuntimeRecord("CPython 3.14", "componentize-py", library),
        tuple(packages),
        "lock",
        {"requirements": [{"text": "zz-a", "hashes": []}], "constraints": [], "options": EMPTY_OPTIONS},
        Policy().as_json(),
        ({"action": "create", "time": "2026-01-01T00:00:00+00:00", "by": "wenv"},),
    )
    return {"configuration": json.loads(configuration.document()), "layers": layers}


EMPTY_OPTIONS: dict[str, Any] = {
    "index_url": None, "extra_index_urls": [], "find_links": [], "trusted_hosts": [], "no_index": False, "pre": False,
    "no_binary": [],
}  # fmt: skip


def assembled(parts: Parts) -> bytes:
    """A file of these parts, all digests right."""
    content = oci.canonical(parts["configuration"])
    descriptors = [
        Descriptor(LAYER, hashlib.sha256(blob).hexdigest(), len(blob), {DIGEST: f"sha256:{digest}", SIZE: str(size)})
        for digest, size, blob in parts["layers"]
    ]
    manifest = ImageManifest(artifact.ARTIFACT, oci.describe(artifact.CONFIGURATION, content), tuple(descriptors))
    blobs: list[tuple[Descriptor, bytes | Path]] = [(manifest.config, content)]
    blobs += [(descriptor, blob) for descriptor, (_, _, blob) in zip(descriptors, parts["layers"], strict=True)]
    target = io.BytesIO()
    oci.write_layout(target, manifest, blobs)
    return target.getvalue()


def layer_of(change: Callable[[tarfile.TarFile], None], archive_format: int) -> bytes:
    """A layer's blob with whatever members `change` adds."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=archive_format) as archive:
        change(archive)
    return zstandard.ZstdCompressor(level=3).compress(plain.getvalue())


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.size, found.linkname = kind, size, link
    return found


@st.composite
def mutations(draw: st.DrawFn) -> Callable[[Parts], bytes]:
    """One way to make a valid file invalid, or to leave it."""
    kind = draw(st.sampled_from(KINDS))
    return kind(draw)


def flipped(draw: st.DrawFn) -> Callable[[Parts], bytes]:
    places = draw(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=8))

    def apply(parts: Parts) -> bytes:
        data = bytearray(assembled(parts))
        for place, bits in places:
            data[int(place * len(data))] ^= bits
        return bytes(data)

    return apply


def cut(draw: st.DrawFn) -> Callable[[Parts], bytes]:
    start, end = sorted(draw(st.tuples(st.floats(0, 1), st.floats(0, 1))))
    middle = draw(st.booleans())

    def apply(parts: Parts) -> bytes:
        data = assembled(parts)
        one, other = int(start * len(data)), int(end * len(data))
        return data[:one] + data[other:] if middle else data[:one]

    return apply


def repeated(draw: st.DrawFn) -> Callable[[Parts], bytes]:
    """Blocks of the archive repeated, swapped, or preceded by others."""
    first, second, count = draw(st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(1, 4)))

    def apply(parts: Parts) -> bytes:
        data = assembled(parts)
        blocks = [data[at : at + 512] for at in range(0, len(data), 512)]
        blocks[first % len(blocks) : first % len(blocks)] = blocks[second % len(blocks) :][: count * 3]
        return b"".join(blocks)

    return apply


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20) | st.just("../../etc/passwd"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def reconfigured(draw: st.DrawFn) -> Callable[[Parts], bytes]:
    """The configuration with one value exchanged, all digests right."""
    path = draw(st.lists(st.integers(0, 20), min_size=1, max_size=4))
    value = draw(JSON)

    def apply(parts: Parts) -> bytes:
        configuration = json.loads(json.dumps(parts["configuration"]))
        place: Any = configuration
        for number, step in enumerate(path):
            keys = sorted(place) if isinstance(place, dict) else range(len(place))
            if not keys:
                break
            key = keys[step % len(keys)]
            if number == len(path) - 1 or not isinstance(place[key], (dict, list)):
                place[key] = value
                break
            place = place[key]
        return assembled({**parts, "configuration": configuration})

    return apply


NAMES = st.sampled_from(
    ["../x", "/etc/x", "a/../../x", "C:/x", "a\\b", "a//b", ".", "", "a/", "nul\0x", "\x1b[0m", "x" * 2000,
     "site-packages/x.py", "SITE-PACKAGES/x.py", "e\u0301", "\u00e9", "\ud800",
     "a/" * 600 + "x", "con", "trailing ", "aux.", "ok.py"]
)  # fmt: skip


def relayered(draw: st.DrawFn) -> Callable[[Parts], bytes]:
    """A layer with members that none may have, its blob's digest right."""
    kinds = st.sampled_from([bytes([kind]) for kind in b"0123456789xgLKSVN\0"])
    members = draw(st.lists(st.tuples(NAMES, kinds, st.integers(0, 3000), st.booleans()), min_size=1, max_size=6))
    archive_format = draw(st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT]))
    declared = draw(st.sampled_from([None, 0, 10, 10**6, 10**15]))
    right = draw(st.booleans())

    def add(archive: tarfile.TarFile) -> None:
        for name, kind, size, with_data in members:
            try:
                archive.addfile(member(name, kind, size, "/etc/passwd"), io.BytesIO(bytes(size)) if with_data else None)
            except (ValueError, UnicodeError, OSError):  # what tarfile itself cannot write
                continue

    def apply(parts: Parts) -> bytes:
        (first, size, _), second = parts["layers"]
        blob = layer_of(add, archive_format)
        return assembled(
            {**parts, "layers": [(first if right else "2" * 64, size if declared is None else declared, blob), second]}
        )

    return apply


BOMBS = ("file", "files", "header", "zeros", "window", "liar", "nested")


def bomb(draw: st.DrawFn) -> Callable[[Parts], bytes]:
    """A layer that unpacks to very much: in one file, in many, in headers, or in a frame with a huge window."""
    return bomb_of(draw(st.sampled_from(BOMBS)))


def bomb_of(kind: str) -> Callable[[Parts], bytes]:
    """The same, of one kind."""

    def apply(parts: Parts) -> bytes:
        plain = b""
        if kind in ("file", "liar"):
            plain = member("site-packages/x.py", size=1 << 40 if kind == "liar" else 64 << 20).tobuf(tarfile.GNU_FORMAT)
            plain += bytes(64 << 20)
        elif kind == "files":
            plain = b"".join(member(f"f{number}").tobuf() for number in range(20_000))
        elif kind == "header":
            plain = member("h", tarfile.XHDTYPE, 64 << 20).tobuf() + b"1" * (64 << 20)
        elif kind == "nested":
            plain = member("h", tarfile.XHDTYPE).tobuf() * 5000
        blob = zstandard.ZstdCompressor(level=1).compress(plain or bytes(64 << 20))
        if kind == "window":
            parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=30)
            blob = zstandard.ZstdCompressor(compression_params=parameters).compress(bytes(1 << 20))
        (first, size, _), second = parts["layers"]
        return assembled({**parts, "layers": [(first, size, blob), second]})

    return apply


def documents(draw: st.DrawFn) -> Callable[[Parts], bytes]:
    """An image layout of arbitrary documents and members."""
    index = draw(JSON | st.sampled_from(["deep", "huge", "many"]))
    name = draw(NAMES | st.sampled_from(["index.json", "oci-layout", "blobs/sha256/" + "0" * 64]))
    kind = draw(
        st.sampled_from([tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, b"x", b"L"])
    )

    def apply(parts: Parts) -> bytes:
        text = json.dumps(index).encode()
        if index == "deep":
            text = b"[" * 200_000 + b"]" * 200_000
        elif index == "huge":
            text = b'{"manifests": [' + b"0," * (9 << 20) + b"0]}"
        target = io.BytesIO()
        with tarfile.open(fileobj=target, mode="w", format=tarfile.GNU_FORMAT) as archive:
            count = 6000 if index == "many" else 1
            for path, data in (("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'), ("index.json", text)):
                archive.addfile(member(path, size=len(data)), io.BytesIO(data))
            for number in range(count):
                try:
                    archive.addfile(member(f"blobs/sha256/{number:064x}" if count > 1 else name, kind, 0, "index.json"))
                except (ValueError, UnicodeError):
                    break
        return target.getvalue()

    return apply


def untouched(draw: st.DrawFn) -> Callable[[Parts], bytes]:
    return assembled


KINDS = (flipped, flipped, cut, repeated, reconfigured, reconfigured, relayered, relayered, documents, bomb, untouched)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return valid(tmp_path_factory.mktemp("valid"))


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside", "store", "x.wenv"]
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("examples", EXAMPLES)
def test_every_mutation_is_refused_or_whole(parts: Parts, where: Path, examples: int) -> None:
    """Reads each mutated file as ``wenv import`` and ``wenv info`` do, up to the store."""
    (where / "outside").mkdir()
    store = Store(where / "store")
    with store.writing(), store.staging():
        pass
    expected = {digest for digest, _, _ in parts["layers"]}
    outcomes = {"refused": 0, "whole": 0}
    slowest = 0.0

    @settings(max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(mutations())
    def check(mutation: Callable[[Parts], bytes]) -> None:
        nonlocal slowest
        path = where / "x.wenv"
        path.write_bytes(mutation(parts))
        start = time.monotonic()
        try:
            with store.writing() as writing, incoming.open_file(path) as source:
                json.dumps(source.as_json())
                receive.take_layers(writing, source, Silent(), LARGEST)
        except UserError as error:
            outcomes["refused"] += 1
            assert str(error)  # noqa: PT017 - either outcome is right
            assert not list(store.root.glob("layers-*/*/*")), "something of a refused file was kept"
        else:
            outcomes["whole"] += 1
            kept = {path.name for path in store.root.glob("layers-*/*/*")}
            assert kept == expected
            assert not list(verify(store))
            for digest in kept:
                store.discard(store.layer_folder(digest))
        slowest = max(slowest, time.monotonic() - start)
        assert not list(store.root.glob("staging-*/*")), "staging was left behind"

    check()
    print(f"{outcomes['refused']} refused, {outcomes['whole']} whole, the slowest took {slowest:.2f} s")
    assert outcomes["refused"] > examples / 2
    assert outcomes["whole"] > 10


@pytest.mark.parametrize("kind", BOMBS)
def test_memory_and_disk_stay_bounded(parts: Parts, tmp_path: Path, kind: str) -> None:
    """The worst files, measured."""
    store, path = Store(tmp_path / "store"), tmp_path / "x.wenv"
    path.write_bytes(bomb_of(kind)(parts))
    tracemalloc.start()
    try:
        with pytest.raises(UserError), store.writing() as writing, incoming.open_file(path) as source:
            receive.take_layers(writing, source, Silent(), LARGEST)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MEMORY
    assert sum(file.stat().st_size for file in (tmp_path / "store").rglob("*") if file.is_file()) < DISK
