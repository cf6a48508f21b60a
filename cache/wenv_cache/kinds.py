"""What the store holds, declared once: folders, the order of pruning, and disk use are read from this table."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """A kind of entry; the value is its folder's name."""

    BLOBS = "blobs"
    LAYERS = "layers"
    DOCUMENTS = "documents"
    RECORDS = "records"
    DERIVED = "derived"
    DOWNLOADS = "downloads"
    LOGS = "logs"
    TOOLS = "tools"
    STAGING = "staging"
    LOCKS = "locks"


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is said of a kind.

    `version` is raised when the format changes: entries of other versions are never read and are pruned.
    `depends_on` names the kinds whose entries must stay as long as an entry of this kind does.
    `purgeable` entries can be deleted at any time and come again, at the cost of work; others go when nothing refers to them.
    """

    kind: Kind
    version: int
    purpose: str
    depends_on: tuple[Kind, ...] = ()
    purgeable: bool = False

    @property
    def folder(self) -> str:
        """Name of the folder in the store."""
        return f"{self.kind}-v{self.version}"


TABLE: tuple[Declaration, ...] = (
    Declaration(Kind.BLOBS, 1, "contents of files by sha256, each stored once"),
    Declaration(Kind.LAYERS, 1, "immutable trees of files by the digest of their manifest", (Kind.BLOBS,)),
    Declaration(Kind.DOCUMENTS, 1, "small texts by sha256: the locks of environments"),
    Declaration(Kind.RECORDS, 1, "which layer or entry an artifact from outside became", (Kind.LAYERS,), purgeable=True),
    Declaration(Kind.DERIVED, 1, "made from layers and programs: compiled code, components", (Kind.LAYERS,), purgeable=True),
    Declaration(Kind.DOWNLOADS, 1, "answers of package indexes", purgeable=True),
    Declaration(Kind.LOGS, 1, "what builds from source printed, the latest of each package", purgeable=True),
    Declaration(Kind.TOOLS, 1, "what compilers keep for themselves", purgeable=True),
    Declaration(Kind.STAGING, 1, "entries being written; left over ones are garbage", purgeable=True),
    Declaration(Kind.LOCKS, 1, "lock files between processes", purgeable=True),
)

DECLARATIONS = {declaration.kind: declaration for declaration in TABLE}
