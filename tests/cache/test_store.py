"""The store: entries are whole or absent, shared, checkable, and deletable when nothing needs them."""

import errno
import io
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wenv_cache import files
from wenv_cache.errors import CorruptEntryError, FullDiskError, MissingEntryError, UnsafePathError
from wenv_cache.kinds import DECLARATIONS, TABLE, Kind
from wenv_cache.layers import LayerWriter, StagedLayer, publish
from wenv_cache.prune import Roots, prune
from wenv_cache.store import Store
from wenv_cache.usage import usage
from wenv_cache.verify import repair, verify


def stage(store: Store, staging: Path, contents: dict[str, bytes], executable: tuple[str, ...] = ()) -> StagedLayer:
    writer = LayerWriter(store, staging)
    for path, data in contents.items():
        writer.add(path, io.BytesIO(data), executable=path in executable)
    return writer.finish()


def put(store: Store, contents: dict[str, bytes], executable: tuple[str, ...] = ()) -> str:
    with store.writing() as writing, store.staging() as staging:
        layer = stage(store, staging, contents, executable)
        publish(writing, [layer])
    return layer.manifest.digest


def test_nothing_is_published_once_the_lock_was_given_back(store: Store) -> None:
    with store.staging() as staging:
        layer = stage(store, staging, {"a.txt": b"one"})
        with store.writing() as writing:
            pass
        with pytest.raises(RuntimeError, match="may no longer be written to"):
            publish(writing, [layer])
        assert not store.has_layer(layer.manifest.digest)


def test_a_layer_is_read_as_it_was_written(store: Store) -> None:
    digest = put(store, {"a.txt": b"one", "b/c.sh": b"two"}, executable=("b/c.sh",))
    assert (store.tree(digest) / "b/c.sh").read_bytes() == b"two"
    assert [(file.path, file.size, file.executable) for file in store.manifest(digest).files] == [
        ("a.txt", 3, False),
        ("b/c.sh", 3, True),
    ]
    assert not list(store.folder(Kind.STAGING).iterdir())


def test_the_lock_is_held_until_the_last_thread_has_written(store: Store) -> None:
    other, inside, leave = Store(store.root), threading.Event(), threading.Event()

    def write() -> None:
        with store.writing():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=write)
    with store.writing():
        thread.start()
        inside.wait()
    with other.pruning() as alone:
        assert not alone  # the first has left, the second is still writing
    leave.set()
    thread.join()
    with other.pruning() as alone:
        assert alone


def test_the_digest_is_the_same_under_another_umask_and_order(store: Store, tmp_path: Path) -> None:
    contents = {"x/1": b"1", "x/2": b"2", "y": b"3"}
    first = put(store, contents, executable=("y",))
    old = os.umask(0o077)
    try:
        second = put(Store(tmp_path / "other"), dict(reversed(contents.items())), executable=("y",))
    finally:
        os.umask(old)
    assert first == second


def test_identical_files_are_stored_once(store: Store) -> None:
    big = os.urandom(1 << 20)
    first = put(store, {"a": big, "same/as/a": big})
    before = usage(store).size
    second = put(store, {"elsewhere": big, "b": b"little"})
    assert (store.tree(first) / "a").samefile(store.tree(second) / "elsewhere")
    assert (store.tree(first) / "a").samefile(store.tree(first) / "same/as/a")
    assert usage(store).size - before < 100_000
    assert usage(store).saved >= 2 << 20


def test_the_executable_bit_is_not_shared_with_a_file_that_has_none(store: Store) -> None:
    digest = put(store, {"plain": b"#!x", "script": b"#!x"}, executable=("script",))
    assert os.access(store.tree(digest) / "script", os.X_OK)
    if os.name == "posix":
        assert not (store.tree(digest) / "plain").stat().st_mode & 0o111


@pytest.mark.parametrize("code", [errno.EMLINK, errno.EPERM, errno.EXDEV])
def test_contents_are_copied_where_no_link_can_be_made(store: Store, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuse)
    digests = [put(store, {"a": b"content"}), put(store, {"b": b"content"})]
    assert [(store.tree(d) / name).read_bytes() for d, name in zip(digests, "ab", strict=True)] == [b"content"] * 2
    assert list(verify(store)) == []


def test_a_layer_put_twice_is_one(store: Store) -> None:
    assert put(store, {"a": b"1"}) == put(store, {"a": b"1"})
    assert len(list(store.folder(Kind.LAYERS).glob("*/*"))) == 1


def test_many_threads_put_overlapping_layers(store: Store) -> None:
    with store.writing() as writing, store.staging() as staging, ThreadPoolExecutor(8) as pool:
        layers = list(pool.map(lambda n: stage(store, staging, {f"{n % 3}": b"x" * 1000, "common": b"y" * 1000}), range(24)))
        list(pool.map(lambda layer: publish(writing, [layer]), layers))
    assert {layer.manifest.digest for layer in layers} == {p.name for p in store.folder(Kind.LAYERS).glob("*/*")}
    assert list(verify(store)) == []


def test_names_that_collide_leave_nothing_behind(store: Store) -> None:
    with pytest.raises(UnsafePathError), store.staging() as staging:
        stage(store, staging, {"Readme": b"1", "README": b"2"})
    assert not list(store.folder(Kind.STAGING).iterdir())


def test_an_interrupted_write_leaves_no_entry(store: Store) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), store.staging() as staging:
        LayerWriter(store, staging).add("a", Broken())
    assert list(verify(store)) == []
    assert not list(store.folder(Kind.STAGING).iterdir())


def test_a_derived_entry_is_built_once_by_many_processes(store: Store, tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom wenv_cache.store import Store\n"
        "def build(folder):\n"
        "    (Path(sys.argv[2]) / str(time.monotonic_ns())).touch()\n"
        "    (folder / 'made').write_text('x')\n"
        "print(Store(Path(sys.argv[1])).derive('thing', 'k' * 8, build))\n"
    )
    built = tmp_path / "built"
    built.mkdir()
    command = [sys.executable, "-c", program, str(store.root), str(built)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(5)]
    outputs = {process.communicate()[0] for process in processes}
    assert len(outputs) == 1
    assert [process.returncode for process in processes] == [0] * 5
    assert len(list(built.iterdir())) == 1


def test_a_failed_build_leaves_no_derived_entry(store: Store) -> None:
    def build(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(FullDiskError):
        store.derive("thing", "key", build)
    assert not store.derived_folder("thing", "key").exists()


@pytest.mark.parametrize("damage", ["content", "missing", "added", "manifest"])
def test_verify_finds_damage_and_repair_removes_it(store: Store, damage: str) -> None:
    digest, sound = put(store, {"a": b"1", "b": b"2"}), put(store, {"c": b"3"})
    tree = store.tree(digest)
    match damage:
        case "content":
            (tree / "a").chmod(0o644)
            (tree / "a").write_bytes(b"!")
        case "missing":
            (tree / "a").unlink()
        case "added":
            (tree / "new").touch()
        case "manifest":
            path = store.layer_folder(digest) / "manifest"
            path.write_text(path.read_text().replace(" 1 ", " 9 "))
    findings = list(verify(store))
    assert digest in {finding.entry for finding in findings}
    assert sound not in {finding.entry for finding in findings}
    repair(store, findings)
    assert list(verify(store)) == []
    assert store.has_layer(sound)
    assert not store.has_layer(digest)


def test_verify_checks_derived_entries_and_documents(store: Store) -> None:
    def build(made: Path) -> None:
        (made / "data").write_text("x")

    folder = store.derive("thing", "key", build)
    digest = store.put_document("text")
    assert list(verify(store)) == []
    (folder / "data").write_text("y")
    path = store.folder(Kind.DOCUMENTS) / digest[:2] / digest
    path.write_text("tampered")
    assert {finding.kind for finding in verify(store)} == {Kind.DERIVED, Kind.DOCUMENTS}


def test_prune_keeps_what_is_reachable_and_nothing_else(store: Store) -> None:
    kept, gone = put(store, {"a": b"1", "common": b"c"}), put(store, {"b": b"2", "common": b"c"})
    document, other = store.put_document("kept"), store.put_document("gone")
    store.put_record("1" * 64, {"layer": kept})
    store.put_record("2" * 64, {"layer": gone})
    store.derive("thing", "kept", lambda folder: (folder / "x").touch())
    store.derive("thing", "gone", lambda folder: (folder / "x").touch())
    (store.root / "layers-v0").mkdir()
    roots = Roots(frozenset({kept}), frozenset({document}), frozenset({"thing/kept"}))
    with store.pruning() as alone:
        assert alone
        planned = prune(store, roots, alone=alone, dry_run=True)
        assert store.has_layer(gone)
        done = prune(store, roots, alone=alone)
    assert planned == done
    assert done.entries == {"layers": 2, "blobs": 1, "documents": 1, "records": 1, "derived": 1}
    assert store.manifest(kept)
    assert (store.tree(kept) / "common").read_bytes() == b"c"
    assert store.document(document) == "kept"
    assert list(verify(store)) == []
    with pytest.raises(MissingEntryError):
        store.document(other)
    assert store.record("2" * 64) is None


def test_entries_are_discarded_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it deletes, prune leaves nothing that looks like a layer."""
    digest = put(store, {"a": b"1", "b": b"2"})

    def killed(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "remove_tree", killed)
    with store.pruning(), pytest.raises(KeyboardInterrupt):
        prune(store, Roots(), alone=True)
    assert not store.has_layer(digest)


def test_a_copy_that_is_cut_off_is_no_blob(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "link", refuse)
    with monkeypatch.context() as dying:
        dying.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            put(store, {"a": b"content"})
    digest = put(store, {"a": b"content"})
    assert (store.tree(digest) / "a").read_bytes() == b"content"
    assert list(verify(store)) == []


def test_a_damaged_manifest_is_named(store: Store) -> None:
    digest = put(store, {"a": b"1"})
    (store.layer_folder(digest) / "manifest").write_text("nonsense")
    with pytest.raises(CorruptEntryError):
        store.manifest(digest)


def test_every_kind_is_declared_once() -> None:
    assert [declaration.kind for declaration in TABLE] == list(DECLARATIONS)
    assert set(DECLARATIONS) == set(Kind)
    for declaration in TABLE:
        assert set(declaration.depends_on) <= set(DECLARATIONS)


def test_files_are_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write_atomically(path, "one")
    files.write_atomically(path, "two", executable=True)
    assert path.read_text() == "two"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
