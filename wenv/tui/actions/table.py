"""What can be done with an environment, and with the store: each action asks, does what its command does, and says so."""

import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual import work
from textual.app import SuspendNotSupported
from textual.binding import Binding
from textual.screen import Screen

from wenv.bake import baking
from wenv.environment import find, known, manifest
from wenv.environment.kinds import Choice
from wenv.environment.manifest import Environment
from wenv.make import bake, copy, create, remove, solve, write
from wenv.make.choose_runtime import first_solution
from wenv.make.uninstall import without
from wenv.make.wanted import Inputs
from wenv.pack import pack
from wenv.pack.program import Program, program_of
from wenv.policy.policy import Policy
from wenv.report import roots
from wenv.report.packages import version_changes
from wenv.runtimes import Runtime
from wenv.runtimes.choice import runtime_for
from wenv.share import artifact, borrowed, export
from wenv.share.diff import Difference, difference, side
from wenv.share.registry import Reference, Registry
from wenv.tui.dialogs.base import Field, FileDialog, Form, Relay, Review, Working
from wenv.tui.words import human_size
from wenv_cache.errors import UserError
from wenv_cache.oci import Descriptor
from wenv_cache.prune import Pruned, prune
from wenv_cache.store import Store
from wenv_cache.verify import Finding, repair, verify
from wenv_resolver.progress import Silent

if TYPE_CHECKING:
    from wenv.tui.app import Wenv

Result = TypeVar("Result")
Values = dict[str, str | bool]


@dataclass(frozen=True, slots=True)
class Act:
    """One action: its key, and what it is called; `shown` in the footer."""

    key: str
    name: str
    label: str
    tooltip: str
    shown: bool = False

    @property
    def binding(self) -> Binding:
        """For a screen."""
        return Binding(self.key, self.name, self.label, show=self.shown, tooltip=self.tooltip, id=f"do.{self.name}")


#: With one environment; their order is the palette's.
ACTS = (
    Act("s", "shell", "Shell", "Open a Python prompt in the environment; this screen comes back afterwards", shown=True),
    Act("r", "run", "Run", "Run a script in the environment", shown=True),
    Act("i", "install", "Install", "Add packages, or restore what is missing", shown=True),
    Act("u", "uninstall", "Uninstall", "Take packages out"),
    Act("b", "bake", "Bake", "Keep the packages imported, so that programs start at once"),
    Act("e", "export", "Export", "Write the environment into one file"),
    Act("p", "pack", "Pack", "Make one WebAssembly file of the environment and a program"),
    Act("P", "push", "Push", "Publish the environment in a registry"),
    Act("y", "copy", "Copy", "Make the same environment under another name"),
    Act("n", "rename", "Rename", "Give a named environment another name"),
    Act("d,delete", "remove", "Remove", "Remove the environment", shown=True),
    Act("equals_sign", "compare", "Compare", "What differs from another environment"),
)


#: With the store.
STORE_ACTS = (
    Act("c", "create", "Create", "Make an environment", shown=True),
    Act("X", "prune", "Prune", "Delete what no environment uses"),
    Act("V", "verify", "Verify", "Check every entry of the store"),
)


class Actions(Screen[None]):
    """A screen with actions; `chosen_folder` says which environment they mean."""

    BINDINGS: ClassVar = [act.binding for act in (*ACTS, *STORE_ACTS)]

    app: "Wenv"

    @property
    def chosen_folder(self) -> Path | None:
        """The folder of the environment that is meant, if there is one."""
        raise NotImplementedError

    def _runtime(self, chosen: Environment) -> Runtime:
        return runtime_for(self._store, chosen)

    @property
    def _store(self) -> Store:
        return self.app.store

    # -- what all actions are made of

    def complain(self, error: UserError | OSError) -> None:
        """Say what went wrong, in the command line's words."""
        if isinstance(error, UserError):
            said = str(error) + (f"\nhint: {error.hint}" if error.hint else "")
        else:
            said = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
        self.notify(said, title="error", severity="error", timeout=12, markup=False)

    def tell(self, said: str) -> None:
        """Say what was done."""
        self.notify(said, markup=False)

    def _chosen(self) -> Environment | None:
        folder = self.chosen_folder
        if folder is None:
            self.notify("No environment is selected.", severity="warning")
            return None
        try:
            return manifest.load(folder)
        except UserError as error:
            self.complain(error)
            return None

    async def _done(self, title: str, job: Callable[[Relay], Result]) -> Result | None:
        """Do something with a dialog that shows how far it is; None if it failed or was cancelled, and the user knows."""
        done = await self.app.push_screen_wait(Working(title, job))
        if done.error is not None:
            self.complain(done.error)
        elif done.cancelled:
            self.notify("Cancelled.", severity="warning")
        self.app.changed()
        return done.result

    async def _asked(
        self, title: str, fields: list[Field], proceed: str, check: Callable[[Values], object] = lambda values: None
    ) -> Values | None:
        """The values of a form; `check` may raise UserError."""

        def checked(values: Values) -> str | None:
            try:
                check(values)
            except (UserError, OSError, ValueError) as error:
                return str(error)
            return None

        return await self.app.push_screen_wait(Form(title, fields, proceed, checked))

    async def _confirmed(self, title: str, text: str, proceed: str) -> bool:
        answer: bool | None = await self.app.push_screen_wait(Review(title, text, proceed=proceed, dangerous=True))
        return answer is True

    # -- environments

    @work(group="action")
    async def action_create(self) -> None:
        """`wenv create`."""
        fields = [
            Field("name", "Name", help="empty: .wenv in the folder you are in"),
            Field("requirements", "Packages", help="rich 'httpx<1'"),
            Field("file", "Requirements file", help="requirements.txt, pylock.toml, …", is_path=True),
            Field("bake", "Bake: keep the packages imported", default=False),
        ]
        solved, values = None, None
        while solved is None or values is None:  # what cannot be resolved can be written otherwise
            values = await self._asked("Create an environment", fields, "Resolve", check=_place)
            if values is None:
                return
            folder, adding = _place(values), _adding(values)
            solved = await self._done("Resolving", partial(self._solution, adding))
            fields = [replace(field, default=values[field.name]) for field in fields]
        rows = [(file.name, file.version, "built here" if file.is_source else "wheel") for file in solved.files]
        text = f"{len(rows)} packages will be in {folder}" if rows else f"{folder} will have no packages"
        if not await self.app.push_screen_wait(
            Review("Create an environment", text, ("Package", "Version", "From"), rows, "Create")
        ):
            return

        def make(relay: Relay) -> Environment:
            made = create.create(folder, solved, Policy(), relay)
            return bake.bake(solved.runtime, folder, None, relay) if values["bake"] else made

        if (made := await self._done("Creating", make)) is not None:
            self.tell(f"Created {made.label} with {len(made.packages)} packages")
            self.left(made.folder)

    def _solution(self, adding: Inputs, relay: Relay) -> solve.Solution:
        return first_solution(self._store, Choice.AUTO, adding, relay)

    @work(group="action")
    async def action_install(self) -> None:
        """`wenv install`."""
        if (chosen := self._chosen()) is None:
            return
        fields = [
            Field("requirements", "Packages", help="empty, without a file: restore what is missing"),
            Field("file", "Requirements file", is_path=True),
            Field("upgrade", "Take the newest versions of everything", default=False),
        ]
        values = await self._asked(f"Install into {chosen.label}", fields, "Install", _adding)
        if values is None:
            return
        adding, upgrade = _adding(values), bool(values["upgrade"])

        def job(relay: Relay) -> tuple[Environment, Environment]:
            return create.change(
                self._runtime(chosen),
                chosen.folder,
                lambda current: adding.added_to(current, self._runtime(current), relay, upgrade=upgrade),
                relay,
            )

        self._tell_changes(await self._done("Installing", job))

    @work(group="action")
    async def action_uninstall(self) -> None:
        """`wenv uninstall`."""
        if (chosen := self._chosen()) is None:
            return
        fields = [Field("names", "Packages", self.chosen_package, help="names")]
        values = await self._asked(f"Take packages out of {chosen.label}", fields, "Uninstall", _named)
        if values is None:
            return
        names = shlex.split(str(values["names"]))

        def job(relay: Relay) -> tuple[Environment, Environment]:
            return create.change(
                self._runtime(chosen),
                chosen.folder,
                lambda current: without(self._runtime(current), current, names, relay),
                relay,
            )

        self._tell_changes(await self._done("Uninstalling", job))

    @property
    def chosen_package(self) -> str:
        """The package that is selected, where packages are shown."""
        return ""

    def _tell_changes(self, states: tuple[Environment, Environment] | None) -> None:
        if states is not None:
            changes = version_changes(*states, self._runtime(states[1]).contained(Silent()))
            self.tell("\n".join(change.words for change in changes) or f"{states[1].label} is complete: nothing changed")

    @work(group="action")
    async def action_copy(self) -> None:
        """`wenv copy`."""
        if (chosen := self._chosen()) is None:
            return
        fields = [Field("name", "Name of the copy")]
        values = await self._asked(f"Copy {chosen.label}", fields, "Copy", _place_of_name)
        if values is None:
            return
        folder = _place_of_name(values)
        made = await self._done("Copying", lambda relay: copy.copy(self._runtime(chosen), chosen, folder, relay))
        if made is not None:
            self.tell(f"Copied {chosen.label} to {made.label}")
            self.left(made.folder)

    @work(group="action")
    async def action_rename(self) -> None:
        """`wenv rename`."""
        if (chosen := self._chosen()) is None:
            return
        fields = [Field("name", "New name", chosen.name or "")]
        values = await self._asked(f"Rename {chosen.label}", fields, "Rename", _place_of_name)
        if values is None:
            return
        name = str(values["name"])
        made = await self._done("Renaming", lambda relay: copy.rename(self._runtime(chosen), chosen, name, relay))
        if made is not None:
            self.tell(f"Renamed {chosen.label} to {made.label}")
            self.left(made.folder)

    @work(group="action")
    async def action_remove(self) -> None:
        """`wenv remove`."""
        if (folder := self.chosen_folder) is None:
            self.notify("No environment is selected.", severity="warning")
            return
        label, text = known.label_of(folder), "Its layers stay in the store until it is pruned."
        if not await self._confirmed(f"Remove {label}?", text, "Remove"):
            return
        await self._done("Removing", lambda relay: remove.remove(self._store, folder))
        if not known.exists(folder):
            self.tell(f"Removed {label}")
            self.left(None)

    def left(self, folder: Path | None) -> None:
        """What was meant is in another folder now, or nowhere."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """One action at a time: keys that are typed ahead of a dialog do not open another."""
        acting = any(worker.group == "action" and not worker.is_finished for worker in self.workers)
        return not (acting and hasattr(Actions, f"action_{action}"))

    # -- using one

    @work(group="action")
    async def action_shell(self) -> None:
        """`wenv shell`."""
        if (chosen := self._chosen()) is not None:
            self._outside("shell", "--path", str(chosen.folder))

    @work(group="action")
    async def action_run(self) -> None:
        """`wenv run`."""
        if (chosen := self._chosen()) is None:
            return
        script = await self.app.push_screen_wait(FileDialog("Run a script"))
        if script is not None:
            self._outside("run", "--path", str(chosen.folder), str(script), wait=True)

    def _outside(self, *arguments: str, wait: bool = False) -> None:
        """Leave the screen to a command until it ends."""
        before = signal.signal(signal.SIGINT, lambda number, frame: None)  # Ctrl-C is the command's, which is in front
        try:
            with self.app.suspend():
                status = subprocess.run([sys.executable, "-P", "-m", "wenv", *arguments], check=False).returncode
                if wait:
                    status = status if status >= 0 else 128 - status  # as a shell says it
                    print(f"\n[exit status {status}; Enter goes back]", end="", file=sys.stderr, flush=True)
                    sys.stdin.readline()
        except SuspendNotSupported:
            self.notify("This terminal cannot be left to another program.", severity="error")
        finally:
            signal.signal(signal.SIGINT, before)
        self.app.changed()

    @work(group="action")
    async def action_bake(self) -> None:
        """`wenv bake`."""
        if (chosen := self._chosen()) is None:
            return
        made = await self._done("Baking", lambda relay: bake.bake(self._runtime(chosen), chosen.folder, None, relay))
        if made is not None:
            left = "".join(f"\nleft out: {module}: {reason}" for module, reason in made.baked.left_out)
            said = (
                f"Baked {', '.join(made.baked.modules) or 'nothing'} ({human_size(baking.size(self._runtime(chosen), made))})"
            )
            self.tell(said + left)

    # -- sharing one

    @work(group="action")
    async def action_export(self) -> None:
        """`wenv export`."""
        if (chosen := self._chosen()) is None:
            return
        fields = [
            Field("output", "File", f"{chosen.title}{artifact.SUFFIX}", is_path=True),
            Field("runtime", "Take the interpreter along", default=False),
        ]
        values = await self._asked(f"Export {chosen.label}", fields, "Export", lambda values: _output(values, ""))
        if values is None or not await self._may_write(Path(str(values["output"]))):
            return
        target = Path(str(values["output"])).expanduser()

        def job(relay: Relay) -> Descriptor:
            with self._store.adding():
                return export.export(self._runtime(chosen), chosen, target, relay, with_runtime=bool(values["runtime"]))

        if (written := await self._done("Exporting", job)) is not None:
            self.tell(f"Wrote {target} ({human_size(target.stat().st_size)}, sha256:{written.digest[:12]})")

    async def _may_write(self, target: Path) -> bool:
        """Whether a file may be written: there is none, or the user says so."""
        if not target.expanduser().exists():
            return True
        return await self._confirmed(f"Overwrite {target}?", "The file is there already.", "Overwrite")

    @work(group="action")
    async def action_pack(self) -> None:
        """`wenv pack`."""
        if (chosen := self._chosen()) is None:
            return
        fields = [
            Field("entry", "Script", help="or a console script; empty: a Python of its own", is_path=True),
            Field("module", "or module", help="as python -m"),
            Field("output", "File", f"{chosen.title}.wasm", is_path=True),
            Field("slim", "Leave out what the program cannot need", default=False),
        ]
        values = await self._asked(f"Pack {chosen.label}", fields, "Pack", lambda values: _program(self._store, chosen, values))
        if values is None or not await self._may_write(Path(str(values["output"]))):
            return
        target, program = Path(str(values["output"])).expanduser(), _program(self._store, chosen, values)

        def job(relay: Relay) -> pack.Packed:
            with self._store.adding():
                return pack.pack(
                    self._runtime(chosen), chosen, program, target, relay, bake=True, slim=bool(values["slim"]), precompile=None
                )

        if (made := await self._done("Packing", job)) is not None:
            warnings = "".join(f"\nwarning: {module} is imported, and is nowhere" for module in made.missing)
            self.tell(f"Packed {made.path} ({human_size(made.size)}){warnings}")

    @work(group="action")
    async def action_push(self) -> None:
        """`wenv push`."""
        if (chosen := self._chosen()) is None:
            return
        fields = [
            Field("reference", "Where", help="localhost:5000/lab:1"),
            Field("plain", "Without TLS", default=False),
            Field("runtime", "Take the interpreter along", default=False),
        ]
        values = await self._asked(
            f"Push {chosen.label}", fields, "Push", lambda values: Reference.parse(str(values["reference"]))
        )
        if values is None:
            return
        registry = Registry(Reference.parse(str(values["reference"])), plain_http=bool(values["plain"]))

        def job(relay: Relay) -> str:
            with self._store.adding():
                made = artifact.artifact_of(self._runtime(chosen), chosen, relay, with_runtime=bool(values["runtime"]))
                return registry.push(made, relay).reference

        if (reference := await self._done("Pushing", job)) is not None:
            self.tell(f"Pushed {reference}")

    @work(group="action")
    async def action_compare(self) -> None:
        """`wenv diff`."""
        if (chosen := self._chosen()) is None:
            return
        others = [folder for folder in known.all_folders() if folder != chosen.folder]
        if not others:
            self.notify("There is no other environment.", severity="warning")
            return
        fields = [Field("other", "Compared with", choices=tuple(map(str, others)))]
        if (values := await self._asked(f"Compare {chosen.label}", fields, "Compare")) is None:
            return

        def job(relay: Relay) -> Difference:
            with (
                self._store.adding(),
                side(self._store, str(values["other"]), relay) as before,
                side(self._store, str(chosen.folder), relay) as after,
            ):
                return difference(self._store, before, after)

        if (found := await self._done("Comparing", job)) is not None:
            rows = [
                (c.name, c.change, c.before or "", c.after or "", len(c.files), human_size(c.size_after - c.size_before))
                if c.size_after >= c.size_before
                else (
                    c.name,
                    c.change,
                    c.before or "",
                    c.after or "",
                    len(c.files),
                    f"-{human_size(c.size_before - c.size_after)}",
                )
                for c in found.packages
            ]
            said = "Both have the same layers." if found.is_empty else f"{found.shared} layers are shared."
            headings = ("Package", "Change", "Before", "After", "Files", "Size")
            await self.app.push_screen_wait(Review(f"From {found.before} to {found.after}", said, headings, rows))

    # -- the store

    @work(group="action")
    async def action_prune(self) -> None:
        """`wenv cache prune`, after showing what it would delete."""

        def pruned(*, dry_run: bool) -> Callable[[Relay], Pruned]:
            def job(relay: Relay) -> Pruned:
                relay.begin("Pruning")
                with self._store.pruning() as alone:
                    if not dry_run:
                        borrowed.sweep()
                        known.forget_vanished()
                    return prune(self._store, roots.roots(self._store), alone=alone, dry_run=dry_run)

            return job

        would = await self._done("Looking for what nothing uses", pruned(dry_run=True))
        if would is None:
            return
        if not would.entries:
            self.tell("Nothing to delete: environments use everything")
            return
        rows = sorted(would.entries.items())
        text = f"{human_size(would.size)} that no environment uses."
        if not await self.app.push_screen_wait(
            Review("Prune the store?", text, ("Kind", "Entries"), rows, "Delete", dangerous=True)
        ):
            return
        if (result := await self._done("Pruning", pruned(dry_run=False))) is not None:
            self.tell(f"Deleted {sum(result.entries.values())} entries ({human_size(result.size)})")

    @work(group="action")
    async def action_verify(self) -> None:
        """`wenv cache verify`, with `--repair` after asking."""

        def look(relay: Relay) -> list[Finding]:
            relay.begin("Verifying")
            found = []
            with self._store.adding():
                for finding in verify(self._store, lambda entry: relay.note("Verifying", entry)):
                    relay.say(f"{finding.kind} {finding.entry}: {finding.problem}")
                    found.append(finding)
            return found

        findings = await self._done("Verifying the store", look)
        if findings is None:
            return
        if not findings:
            self.tell("Everything is as it should be")
            return
        rows = [(finding.kind, finding.entry[:24], finding.problem) for finding in findings]
        text = "Install restores what is deleted."
        review = Review(f"{len(rows)} damaged", text, ("Kind", "Entry", "Problem"), rows, "Delete them", dangerous=True)
        if not await self.app.push_screen_wait(review):
            return

        def mend(relay: Relay) -> int:
            repair(self._store, findings)
            return len(findings)

        if (count := await self._done("Deleting", mend)) is not None:
            self.tell(f"{count} damaged, deleted")


# -- what the fields of forms mean; all raise UserError or ValueError


def _place(values: Values) -> Path:
    folder = find.place(str(values["name"]) or None)
    write.check_place(folder, clear=False)
    _adding(values)
    return folder


def _place_of_name(values: Values) -> Path:
    folder = find.place(str(values["name"]))
    write.check_place(folder, clear=False)
    return folder


def _adding(values: Values) -> Inputs:
    file = Path(str(values["file"])).expanduser() if values["file"] else None
    if file is not None and not file.is_file():
        raise ValueError(f"{file}: no such file")
    return Inputs(tuple(shlex.split(str(values["requirements"]))), (file,) if file else ())


def _named(values: Values) -> None:
    if not shlex.split(str(values["names"])):
        raise ValueError("name a package")


def _output(values: Values, suffix: str) -> Path:
    target = Path(str(values["output"])).expanduser()
    if not values["output"] or target.is_dir() or (suffix and target.suffix == suffix):
        raise ValueError(f"{target} is not a file's name")
    if not target.absolute().parent.is_dir():
        raise ValueError(f"{target.parent} is not a folder")
    return target


def _program(store: Store, chosen: Environment, values: Values) -> Program:
    if values["entry"] and values["module"]:
        raise ValueError("a script and a module exclude each other")
    target = _output(values, ".cwasm")
    program = program_of(store, chosen, str(values["entry"]) or None, str(values["module"]) or None, ())
    if any(target.absolute() == source for _, source in program.files):
        raise ValueError(f"{target} is one of the program's files")
    return program
