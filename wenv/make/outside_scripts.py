"""Scripts from elsewhere, behind an address or on standard input: shown before they are run, and believed in nothing.

No folder of the user's is shared with one, no package's build code runs for it unless the user names the package, and what its
block of metadata asks for is only shown.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from wenv.environment.manifest import Environment
from wenv.errors import UsageError
from wenv.make.scripts import environment_of, requested_by
from wenv.make.wanted import Wanted
from wenv.policy.policy import Policy
from wenv.runtimes.workspace import Workspace
from wenv_resolver.building.rules import BuildRules
from wenv_resolver.errors import FetchError, RequirementsError
from wenv_resolver.progress import Progress
from wenv_resolver.scripts import LARGEST, metadata_in

#: How an address begins.
ADDRESSES = ("https://", "http://")


@dataclass(frozen=True, slots=True)
class OutsideScript:
    """A script from elsewhere: `origin` is where it came from in the end, `metadata` its block's tables, None for no block.

    `folder` is one of its own, in which it lies; the sandbox sees it as a file called `name`.
    """

    name: str
    origin: str
    text: bytes
    metadata: dict[str, Any] | None
    folder: Path

    @property
    def path(self) -> Path:
        """Its file."""
        return self.folder / "script.py"

    def asks(self) -> list[str]:
        """What it asks for, a line for each thing.  Raises RequirementsError for what it cannot ask for."""
        for text in self._addresses():
            raise RequirementsError(f"{self.origin} asks for {text}", "a script from elsewhere names packages and https")
        gathered = Wanted(files=(self.path,)).gathered if self.metadata is not None else None
        lines = [] if gathered is None else [line.text for line in gathered.requested.requirements]
        found = [f"packages: {', '.join(lines) or 'none'}"]
        if gathered is not None:
            options = gathered.requested.options
            if options.find_links:
                raise RequirementsError(f"{self.origin} names places with wheels: {', '.join(options.find_links)}")
            indexes = [*filter(None, [options.index_url]), *options.extra_index_urls]
            found += [f"package indexes: {', '.join(indexes)}"] if indexes else []
        if (policy := requested_by(self.path, self.metadata or {})) != Policy():
            found.append(f"{policy.words} (granted by options of `wenv run` only)")
        return found

    def _addresses(self) -> Iterator[str]:
        """What its block names of this machine's files, or by other addresses than https; nothing of it has been looked at."""
        given = self.metadata or {}
        listed = given.get("dependencies")
        for text in listed if isinstance(listed, list) else ():
            try:
                address = Requirement(str(text)).url
            except InvalidRequirement:
                yield str(text)
                continue
            if address is not None and not address.startswith("https://"):
                yield str(text)
        uv = tool.get("uv") if isinstance(tool := given.get("tool"), dict) else None
        sources = uv.get("sources") if isinstance(uv, dict) else None
        for name, source in sources.items() if isinstance(sources, dict) else ():
            if not isinstance(source, dict) or not str(source.get("url", "")).startswith("https://"):
                yield f"{name} = {source}"

    def environment(self, workspace: Workspace, names: Sequence[str], build: Sequence[str], progress: Progress) -> Environment:
        """The environment for it, with the packages `names` besides; of sources only those of `build` are built.

        Raises what `create` does.
        """
        rules = BuildRules(only=frozenset(map(canonicalize_name, build)))
        script = self.path if self.metadata is not None else None
        label = f"{self.origin} (script)"
        return environment_of(
            workspace, script, self.metadata, names, None, progress, label=label, rules=rules, is_outside=True
        )


def outside_script(address: str | None) -> OutsideScript:
    """Read a script from an address, or from standard input.  Raises FetchError, RequirementsError and UsageError."""
    if address is None:
        origin, text, name = "standard input", _standard_input(), "script.py"
    else:
        from wenv_resolver.pip_internals.downloads import fetch_page

        text, origin = fetch_page(address, LARGEST)
        name = re.sub("[^A-Za-z0-9_.-]", "_", origin.partition("?")[0].rstrip("/").rpartition("/")[2]).strip(".-")[:60]
        name = name if name.endswith(".py") else f"{name or 'script'}.py"
    metadata = metadata_in(text, origin)
    script = OutsideScript(name, origin, text, metadata, Path(tempfile.mkdtemp(prefix="wenv-script-")))
    script.path.write_bytes(text)
    return script


def _standard_input() -> bytes:
    with os.fdopen(os.dup(0), "rb") as file:
        text = file.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise FetchError(f"the script on standard input is larger than {LARGEST} bytes")
    return text


def check_folders(write: bool) -> None:
    """Raises UsageError for the option --write, which is of a folder that such a script does not get."""
    if write:
        raise UsageError(
            "--write shares the working folder, which a script from elsewhere does not get", "--mount FOLDER:rw shares one"
        )
