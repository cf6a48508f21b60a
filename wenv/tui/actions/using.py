"""Running programs and shells in an environment."""

import signal
import subprocess
import sys

from textual import work
from textual.app import SuspendNotSupported

from wenv.tui.actions.base import ActionScreen
from wenv.tui.dialogs.files import FileDialog


class UsingActions(ActionScreen):
    """Running programs and shells in an environment."""

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
