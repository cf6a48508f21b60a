"""The files of an environment as one tree: what its programs can import, and the layer that each file comes from."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from wenv.environment.manifest import Environment
from wenv_cache.manifest import File
from wenv_cache.store import Store


@dataclass(slots=True)
class Node:
    """A file or folder; `size` in bytes, of a folder that of all files in it, shadowed ones too.

    `layer` is the digest of the layer that a file is in, empty for a folder; a file is `shadowed` if a layer earlier on the
    path has one of the same name: it is never imported.
    """

    name: str
    size: int = 0
    files: int = 0
    layer: str = ""
    file: File | None = None
    shadowed: bool = False
    children: dict[str, "Node"] = field(default_factory=dict)

    def walk(self) -> Iterator["Node"]:
        """Itself and everything in it, folders before their content."""
        yield self
        for child in self.children.values():
            yield from child.walk()

    def sorted(self) -> "list[Node]":
        """What is in it: folders first, by name."""
        return sorted(self.children.values(), key=lambda node: (node.file is not None, node.name.lower(), node.shadowed))


def merged(store: Store, environment: Environment) -> Node:
    """All layers in one tree: ``standard library``, and the packages' files side by side, as their paths are searched.

    Raises MissingEntryError for a layer that is not in the store.
    """
    root = Node("")
    _add_layer(store, root, environment.runtime.standard_library, "standard library")
    for package in environment.packages:
        _add_layer(store, root, package.digest, "")
    return root


def _add_layer(store: Store, root: Node, layer: str, below: str) -> None:
    for file in store.manifest(layer).files:
        path = f"{below}/{file.path}" if below else file.path
        *folders, name = path.split("/")
        node = root
        node.size, node.files = node.size + file.size, node.files + 1
        for folder in folders:
            found = node.children.get(folder + "/")  # a file can have the same name
            if found is None:
                found = node.children[folder + "/"] = Node(folder)
            node = found
            node.size, node.files = node.size + file.size, node.files + 1
        shadowed = name in node.children
        # a second file of the same name is kept beside the first, under a key that no file has
        key = f"{name}/{layer}" if shadowed else name
        node.children[key] = Node(name, file.size, 1, layer, file, shadowed)


def wasted(root: Node) -> int:
    """Bytes of files that are shadowed."""
    return sum(node.size for node in root.walk() if node.shadowed)
