"""Making and changing environments."""

import shlex
from dataclasses import replace
from functools import partial

from textual import work

from wenv.bake import baking
from wenv.environment import known
from wenv.environment.kinds import Choice
from wenv.environment.manifest import Environment
from wenv.make import bake, copy, create, remove, solve
from wenv.make.choose_runtime import first_solution
from wenv.make.uninstall import without
from wenv.make.wanted import Wanted
from wenv.policy.policy import Policy
from wenv.report.packages import version_changes
from wenv.report.words import human_size
from wenv.tui.actions.base import ActionScreen
from wenv.tui.actions.forms import adding_of, check_named, place_of_name, place_of_values
from wenv.tui.dialogs.form import Field
from wenv.tui.dialogs.review import Review
from wenv.tui.dialogs.working import Relay


class ChangingActions(ActionScreen):
    """Making and changing environments."""

    @work(group="action")
    async def action_create(self) -> None:
        """`wenv create`."""
        fields = [
            Field("name", "Name", help="empty: .wenv in the folder you are in"),
            Field("requirements", "Packages", help="rich 'httpx<1' -e FOLDER"),
            Field("file", "Requirements file", help="requirements.txt, pylock.toml, …", is_path=True),
            Field("bake", "Bake: keep the packages imported", default=False),
        ]
        solved, values = None, None
        while solved is None or values is None:  # what cannot be resolved can be written otherwise
            values = await self._asked("Create an environment", fields, "Resolve", check=place_of_values)
            if values is None:
                return
            folder, adding = place_of_values(values), adding_of(values)
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

    def _solution(self, adding: Wanted, relay: Relay) -> solve.Solution:
        return first_solution(self.app.workspace, Choice.AUTO, adding, relay)

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
        values = await self._asked(f"Install into {chosen.label}", fields, "Install", adding_of)
        if values is None:
            return
        adding, upgrade = adding_of(values), bool(values["upgrade"])

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
        values = await self._asked(f"Take packages out of {chosen.label}", fields, "Uninstall", check_named)
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

    def _tell_changes(self, states: tuple[Environment, Environment] | None) -> None:
        if states is not None:
            changes = version_changes(*states, self._runtime(states[1]).contents.packages)
            self.tell("\n".join(change.words for change in changes) or f"{states[1].label} is complete: nothing changed")

    @work(group="action")
    async def action_copy(self) -> None:
        """`wenv copy`."""
        if (chosen := self._chosen()) is None:
            return
        fields = [Field("name", "Name of the copy")]
        values = await self._asked(f"Copy {chosen.label}", fields, "Copy", place_of_name)
        if values is None:
            return
        folder = place_of_name(values)
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
        values = await self._asked(f"Rename {chosen.label}", fields, "Rename", place_of_name)
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
