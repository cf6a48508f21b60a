"""From an environment, a program and a policy to a sandbox: what is mounted where, and what the guest is told."""

import difflib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cache.store import Store
from resolver.layout import SITE_PACKAGES
from resolver.progress import Progress
from wenv.environment import Environment, register
from wenv.errors import StaleEnvironmentError, WenvError
from wenv.guest.request import Flags, Form, Request, Root
from wenv.host.run import run_main
from wenv.host.session import Limits, PrivateFolders, Session, private_folders, stdio_is_terminal
from wenv.locations import CODE, PRIVATE, STANDARD_LIBRARY, TEMPORARY, guest_path
from wenv.policy import Mount, Policy, terminal_variables
from wenv.python_options import CommandLine
from wenv.runtimes import Runtime
from wenv.runtimes.needs import needs_of
from wenv.snapshot import importable_names


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: as in wenv/guest/request.py, with host paths already made the guest's; `folder` is to be readable."""

    form: Form
    target: str
    arguments: tuple[str, ...] = ()
    folder: Path | None = None
    unbuffered: bool = False
    safe_path: bool = False
    warnings: tuple[str, ...] = ()


def program_of(line: CommandLine, environment: Environment) -> Program:
    """What a command line means in an environment: a script's path, or else the name of a console script."""
    flags = {"unbuffered": line.unbuffered, "safe_path": line.safe_path, "warnings": line.warnings}
    if line.form == "script":
        bare = line.target in environment.scripts  # ./NAME means a file or folder of the same name
        path = Path(line.target)
        if path.exists() and not bare:
            linked, given = path.is_symlink(), path
            path = path.resolve() if linked else path.absolute()
            # a relative path is kept as it was written, unless it leaves the working folder, which is a mount of its own
            whole = linked or given.is_absolute() or ".." in given.parts
            path = Path(os.path.normpath(path)) if whole else path
            folder = path if path.is_dir() else path.parent
            shown = guest_path(folder) / path.relative_to(folder) if whole else given.as_posix()
            return Program("script", str(shown), line.arguments, folder, **flags)  # type: ignore[arg-type]
        if bare:
            return console_script(environment, line.target, line.arguments)
        raise _unknown_program(line.target, environment)
    if line.form in ("module", "code", "stdin"):
        return Program(line.form, line.target, line.arguments, **flags)  # type: ignore[arg-type]
    raise AssertionError(line.form)


def console_script(environment: Environment, name: str, arguments: Sequence[str]) -> Program:
    """The program behind a console script of one of the environment's packages."""
    return Program("entry", environment.scripts[name], (name, *arguments))


def _unknown_program(name: str, environment: Environment) -> WenvError:
    close = difflib.get_close_matches(name, environment.scripts, n=3)
    if os.sep in name or name.endswith(".py"):
        return WenvError(f"can't open {name!r}: no such file", "the path is relative to the folder you are in")
    hint = f"did you mean {', '.join(close)}?" if close else "`wenv info` lists the console scripts"
    return WenvError(f"no file and no console script called {name!r}", hint)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Everything that a session needs: mounts and the request."""

    mounts: tuple[Mount, ...]
    request: Request
    private: PrivateFolders


def ensure_ready(runtime: Runtime, environment: Environment, progress: Progress) -> None:
    """Make what is missing to run the environment; usually nothing is.  Raises StaleEnvironmentError."""
    store = runtime.store
    if not runtime.is_prepared(environment.natives) or not all(
        runtime.has_code_archive(package.digest, str(package.guest_base)) for package in environment.packages
    ):
        from wenv.creation import compile_layers

        with store.adding():
            runtime.prepare(progress)
            compile_layers(runtime, environment.packages, progress)
            runtime.component(progress, environment.natives)
    installed = runtime.standard_library(progress)
    if environment.runtime.standard_library != installed:
        raise StaleEnvironmentError(environment.runtime.identity, runtime.identity)


@contextmanager
def sandbox(
    runtime: Runtime, environment: Environment, program: Program, policy: Policy, progress: Progress
) -> Iterator[Sandbox]:
    """Prepare a run; its private folders are gone afterwards."""
    ensure_ready(runtime, environment, progress)
    register(environment.folder)  # a project that was moved, or came from elsewhere
    if not environment.is_policy_granted:
        progress.say(f"ignored: the policy in {environment.folder}, which was not given to `wenv create` on this machine")
    here = Path.cwd()
    roots, mounts = layer_mounts(runtime, environment, progress)
    needs = needs_of((package.name for package in environment.packages), writable=policy.write)
    shared = _shared_folders(here, program.folder, policy)
    with private_folders() as private:
        request: Request = {
            "form": program.form,
            "target": program.target,
            "arguments": list(program.arguments),
            "directory": str(_directory(here, shared)),
            "environment": {**terminal_variables(os.environ), **needs.environment, **policy.variables(os.environ)},
            "roots": roots,
            "split_packages": environment.split_packages,
            "stubs": list(needs.stubs),
            "terminal": list(shutil.get_terminal_size()) if stdio_is_terminal() else None,
            "shared": {str(mount.guest): mount.writable for mount in shared},
            "flags": _flags(program),
            "control": str(PRIVATE),
        }
        private.add_root([*mounts, *shared])
        yield Sandbox((*mounts, *shared, *private.mounts), request, private)


def run(runtime: Runtime, environment: Environment, program: Program, policy: Policy, progress: Progress) -> int:
    """Run a program to its end; returns its exit status.  Raises TrapError, and KeyboardInterrupt on Ctrl-C."""
    with sandbox(runtime, environment, program, policy, progress) as prepared:
        component = runtime.component(progress, environment.natives)
        limits = Limits(policy.memory, policy.output)
        status = run_main(lambda: Session(component, prepared.mounts, limits), prepared.request, policy.time)
        given = prepared.private.exit_status()
        return status if given is None else given


def _flags(program: Program) -> Flags:
    return {
        "unbuffered": program.unbuffered,
        "safe_path": program.safe_path,
        "warnings": list(program.warnings),
    }


def layer_mounts(runtime: Runtime, environment: Environment, progress: Progress) -> tuple[list[Root], list[Mount]]:
    """The read-only folders of the snapshot: each layer's files, and its compiled code."""
    store: Store = runtime.store
    library = store.tree(environment.runtime.standard_library)
    archive = runtime.code_archive(environment.runtime.standard_library, str(STANDARD_LIBRARY), progress)
    mounts = [Mount(library, STANDARD_LIBRARY), Mount(archive, CODE / "python")]
    roots: list[Root] = [
        _root(STANDARD_LIBRARY, sorted(entry.name for entry in library.iterdir()), CODE / "python", STANDARD_LIBRARY)
    ]
    for package in environment.packages:
        tree, base = store.tree(package.digest), package.guest_base
        code = CODE / base.name
        mounts += [Mount(tree, base), Mount(runtime.code_archive(package.digest, str(base), progress), code)]
        if names := importable_names(tree):
            roots.append(_root(base / SITE_PACKAGES, names, code, base))
    return roots, mounts


def _root(path: PurePosixPath, names: list[str], archive: PurePosixPath, base: PurePosixPath) -> Root:
    return {"path": str(path), "names": names, "archive": str(archive), "base": str(base)}


def _shared_folders(here: Path, folder: Path | None, policy: Policy) -> list[Mount]:
    """What the policy names, the working folder, and the program's own unless it lies in one of these."""
    shared = {mount.guest: mount for mount in policy.mounts}
    for host, writable in ((here, policy.write), (folder, False)):
        if host is None or host == Path(host.anchor):
            continue  # a whole disk is shared only by name: --mount
        guest = guest_path(host)
        around = [mount for mount in shared.values() if mount.guest == guest or mount.guest in guest.parents]
        same = any(mount.host / guest.relative_to(mount.guest) == host and mount.writable >= writable for mount in around)
        if not same:
            shared[guest] = Mount(host, guest, writable)
    for mount in shared.values():
        mount.check_writable()
    return list(shared.values())


def _directory(here: Path, shared: Sequence[Mount]) -> PurePosixPath:
    """The guest's working directory: the host's, if that is shared."""
    guest = guest_path(here)
    inside = any(mount.guest == guest or mount.guest in guest.parents for mount in shared)
    return guest if inside else TEMPORARY
