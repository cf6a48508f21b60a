"""Layers on their way into the store: written to staging file by file, then published together."""

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from wenv_cache import files
from wenv_cache.errors import UnsafePathError
from wenv_cache.manifest import File, Manifest
from wenv_cache.names import checked
from wenv_cache.store import Store, Writing


@dataclass(frozen=True, slots=True)
class StagedLayer:
    """A layer that is complete but not yet in the store; `folder` lies in a staging folder."""

    folder: Path
    manifest: Manifest


class LayerWriter:
    """Writes one layer's files into a staging folder, sharing contents that the store already has."""

    def __init__(self, store: Store, staging: Path) -> None:
        self._store = store
        self._folder = Path(tempfile.mkdtemp(prefix="layer-", dir=staging))
        self._tree = self._folder / "tree"
        self._tree.mkdir()
        self._written: dict[str, File] = {}

    def add(self, path: str, stream: BinaryIO, *, executable: bool = False) -> File:
        """Add a file with what `stream` holds; raises UnsafePathError for a path that a layer must not hold."""
        if checked(path) in self._written:
            raise UnsafePathError(path, "occurs twice")
        target = self._tree / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                sha256, size = files.copy_stream(stream, file)
        except (FileExistsError, NotADirectoryError) as error:
            # on a file system that folds names the collision shows here, elsewhere when the manifest is made
            raise UnsafePathError(path, "collides with another file") from error
        if os.name == "posix":
            target.chmod(0o555 if executable else 0o444)
        blob = self._store.blob(sha256, executable)
        if blob.exists():
            target.unlink()
            files.link_or_copy(blob, target)
        self._written[path] = File(path, sha256, size, executable)
        return self._written[path]

    def finish(self) -> StagedLayer:
        """The finished layer; raises UnsafePathError if names collide."""
        manifest = Manifest.of(self._written.values())
        (self._folder / "manifest").write_text(manifest.text(), "utf-8", newline="\n")
        return StagedLayer(self._folder, manifest)


def publish(writing: Writing, staged: Iterable[StagedLayer]) -> None:
    """Move staged layers into the store.  Contents reach the disk before any name refers to them."""
    store = writing.store
    layers = [layer for layer in staged if not store.has_layer(layer.manifest.digest)]
    if not layers:
        return
    files.flush(layer.folder / "tree" / file.path for layer in layers for file in layer.manifest.files)
    for layer in layers:
        for file in layer.manifest.files:
            _share(store.blob(file.sha256, file.executable), layer.folder / "tree" / file.path)
        target = store.layer_folder(layer.manifest.digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.rename(layer.folder, target)
        except OSError:
            if not target.is_dir():  # else another process was quicker with the same layer
                raise
        files.flush_folder(target.parent)


def _share(blob: Path, path: Path) -> None:
    """Make `blob` and `path` one content."""
    try:
        blob.parent.mkdir(parents=True, exist_ok=True)
        files.link_or_copy(path, blob)
    except FileExistsError:
        if blob.samefile(path):
            return
        fresh = path.with_name(path.name + ".shared")
        files.link_or_copy(blob, fresh)
        os.replace(fresh, path)
