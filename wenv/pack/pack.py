"""Packing: an environment and a program as one component that runs on any host with wasmtime.

The component holds the interpreter, every file of the standard library and of the layers, their compiled code, and the
program's own files, all compressed; and modules that were imported already, as a baked one does.  See
wenv/guest/pack/files/ for how a program reads files where there is no file system.
"""

import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wenv.bake.baking import baking_with
from wenv.bake.trials import Fit, fit_modules
from wenv.environment.manifest import Environment
from wenv.errors import WenvError
from wenv.guest.pack.archive import Entry, Pack
from wenv.locations import STANDARD_LIBRARY
from wenv.pack.archives import NEVER, SLIM, Part, application_archive, chosen_part, layer_archive
from wenv.pack.program import APPLICATION, Program
from wenv.pack.used import missing_modules, unused_patterns, wanted_modules
from wenv.runtimes import Packing, Runtime, packer_of
from wenv.runtimes.needs import needs_for
from wenv.snapshot.code_index import layer_bases, layer_of
from wenv.snapshot.contents import split_packages
from wenv.snapshot.ready import ensure_ready
from wenv_cache.files import replacing
from wenv_cache.store import Writing
from wenv_resolver.progress import Progress

ARCHIVING = "Archiving files"
#: Calls that may be nested on wasmtime's usual stack of 512 KiB; CPython's own limit is 1000.  See tests/pack/test_pack.py.
RECURSION_LIMIT = 250


@dataclass(frozen=True, slots=True)
class Packed:
    """A packed component: its `parts` in bytes; the rest of its `size` is the interpreter and what is in its memory.

    `variables` are environment variables that imports looked at, `missing` are names that the script imports and nobody has.
    """

    path: Path
    size: int
    parts: tuple[Part, ...]
    modules: tuple[str, ...]
    not_imported: dict[str, str]
    variables: tuple[str, ...]
    missing: tuple[str, ...]
    precompiled: Path | None

    @property
    def interpreter(self) -> int:
        """Bytes of the interpreter, and of the memory of what has been imported."""
        return self.size - sum(part.files + part.code for part in self.parts)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        paths = {"path": str(self.path), "precompiled": str(self.precompiled) if self.precompiled else None}
        return {**asdict(self), **paths, "interpreter": self.interpreter}


def pack(
    writing: Writing,
    runtime: Runtime,
    environment: Environment,
    program: Program,
    output: Path,
    progress: Progress,
    *,
    bake: bool = True,
    slim: bool = False,
    network: bool = False,
    precompile: Path | None = None,
) -> Packed:
    """Write a component that holds the environment and runs the program.

    With `network` it reaches what its host grants.  `precompile` is a wasmtime executable that compiles it for itself.  Raises
    WenvError.
    """
    assert not environment.editables, "`wenv.make.standalone` takes them in before"
    packer = packer_of(runtime)
    ready = ensure_ready(runtime, environment, progress)
    missing = missing_modules(ready, program, progress)
    needs = needs_for(runtime, environment, writable=False)
    variables = {"HOME": "/tmp", **needs.environment}
    fit = Fit()
    if bake:
        fit = fit_modules(ready, wanted_modules(ready, program), needs.stubs, variables, progress, looked_for=False)
    entry: Entry = {
        "form": program.form,  # type: ignore[typeddict-item]
        "name": program.name,
        "target": program.target,
        "recursion_limit": RECURSION_LIMIT,
        "environment": variables,
        "stubs": list(needs.stubs),
        "network": network,
    }
    order: Pack = {
        "layers": [],
        "split_packages": split_packages(runtime.store, environment.packages),
        "entry": entry,
        "own": program.form != "script" and bool(program.files),
    }
    unused = unused_patterns(runtime.store, environment, program) if slim and program.form != "python" else ()
    archives: dict[str, Path] = {}
    parts: list[Part] = []
    with writing.store.staging() as staging:
        progress.begin(ARCHIVING, len(environment.packages) + 2)
        for number, (layer, base) in enumerate(layer_bases(environment)):
            library = base == str(STANDARD_LIBRARY)
            leave_out = [*(NEVER if library else ()), *(SLIM if slim else ()), *(unused if library else ())]
            archive = layer_archive(runtime, layer, base, leave_out, progress)
            name = "standard library" if library else environment.packages[number - 1].guest_base.name
            archives[str(number)] = staging / str(number)
            parts.append(chosen_part(archive, staging / str(number), name, base, fit.files, either=slim and library))
            tree = runtime.store.tree(layer)
            order["layers"].append(layer_of(tree, base))
            progress.advance(ARCHIVING, 1)
        application = application_archive(runtime, program, staging / "application", progress)
        archives["app"] = staging / "app"
        parts.append(chosen_part(application, staging / "app", "program", str(APPLICATION), frozenset(), either=False))
        progress.end(ARCHIVING)
        made = staging / "packed.wasm"
        baking = baking_with(runtime, environment, fit.modules, tuple(variables.items()))
        packer.pack(made, environment.natives, baking, Packing(archives, order), progress)
        compiled = _precompiled(precompile, made, output.with_suffix(".cwasm"), progress) if precompile else None
        _move(made, output)
    size = output.stat().st_size
    return Packed(output, size, tuple(parts), fit.modules, dict(fit.left_out), fit.variables, missing, compiled)


def _move(source: Path, target: Path) -> None:
    """Give a finished file its name; the store may lie on another disk."""
    with replacing(target) as file, source.open("rb") as made:
        shutil.copyfileobj(made, file)


def _precompiled(wasmtime: Path, component: Path, target: Path, progress: Progress) -> Path:
    """What a wasmtime executable makes of a component: native code for that executable and this kind of processor."""
    task = "Compiling for this kind of processor"
    progress.begin(task)
    compiled = component.with_suffix(".cwasm")
    try:
        command = [str(wasmtime), "compile", str(component), "-o", str(compiled)]
        result = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise WenvError(f"{wasmtime}: {error.strerror}", "--precompile names a wasmtime executable") from error
    finally:
        progress.end(task)
    if result.returncode:
        raise WenvError(f"{wasmtime} could not compile the component: {result.stderr.strip()[-500:]}")
    _move(compiled, target)
    return target


# -- what is used
