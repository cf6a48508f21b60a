"""A screen on which something can be done; `chosen_folder` says which environment is meant."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from textual.app import App
from textual.screen import Screen

from wenv.environment import manifest
from wenv.environment.manifest import Environment
from wenv.runtimes import Runtime
from wenv.runtimes.workspace import Workspace
from wenv.tui.actions.forms import Values
from wenv.tui.dialogs.form import Field, Form
from wenv.tui.dialogs.review import Review
from wenv.tui.dialogs.working import Relay, Working
from wenv_cache.errors import UserError
from wenv_cache.store import Store

Result = TypeVar("Result")


class Application(App[None]):
    """What actions need of the application."""

    store: Store

    @property
    def workspace(self) -> Workspace:
        """The store with its runtimes: anew for each use, as what a runtime has loaded may be pruned meanwhile."""
        return Workspace(self.store)

    def changed(self) -> None:
        """Have all screens read anew what they show."""
        raise NotImplementedError


class ActionScreen(Screen[None]):
    """A screen on which something can be done; `chosen_folder` says which environment is meant."""

    app: Application

    @property
    def chosen_folder(self) -> Path | None:
        """The folder of the environment that is meant, if there is one."""
        raise NotImplementedError

    def _runtime(self, chosen: Environment) -> Runtime:
        return self.app.workspace.runtime_for(chosen)

    @property
    def _store(self) -> Store:
        return self.app.store

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

    @property
    def chosen_package(self) -> str:
        """The package that is selected, where packages are shown."""
        return ""

    def left(self, folder: Path | None) -> None:
        """What was meant is in another folder now, or nowhere."""
