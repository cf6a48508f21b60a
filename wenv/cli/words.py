"""Words of other tools (uv, pip, virtualenv, conda, docker): each is answered with the line that does it here."""

from typing import Any

from typer.core import TyperGroup

from wenv.errors import UsageError

#: What is typed, and what does it; other names of commands are in `SAME`.
ANSWERS = {
    "init": "`wenv create` makes an environment here; a pyproject.toml is yours to write",
    "venv": "`wenv create` makes an environment in .wenv",
    "virtualenv": "`wenv create` makes an environment in .wenv",
    "new": "`wenv create -n NAME` makes a named environment",
    "env": "`wenv list` lists environments, `wenv create -n NAME` makes one, `wenv remove NAME` deletes one",
    "pip": "`wenv install PACKAGE`, `wenv uninstall PACKAGE`, `wenv freeze`, `wenv info` do what pip does",
    "python": "`wenv run script.py` runs a program, `wenv shell` opens a prompt",
    "python3": "`wenv run script.py` runs a program, `wenv shell` opens a prompt",
    "repl": "`wenv shell` opens a prompt",
    "activate": "`. .wenv/bin/activate` puts its programs on PATH; `wenv run` and `wenv shell` need no activating",
    "deactivate": "`deactivate` is a function of the shell after `. .wenv/bin/activate`",
    "exec": "`wenv run PROGRAM`",
    "start": "`wenv run PROGRAM`, or `wenv shell`",
    "x": "`wenvx TOOL`, which is `wenv tool run TOOL`",
    "tools": "`wenv tool list`",
    "show": "`wenv info`, or `wenv why PACKAGE`",
    "search": "nothing searches the index; `wenv check PACKAGE` says whether a package works here",
    "download": "`wenv pack` and `wenv export` make files that need no index",
    "wheel": "`wenv build PACKAGE` builds wheels",
    "compile": "`wenv lock -r requirements.txt -o pylock.toml` writes versions with hashes",
    "requirements": "`wenv freeze` prints versions, `wenv lock` writes them with hashes",
    "config": "there is no configuration file; options and variables are in `wenv COMMAND --help`, pip's configuration is used",
    "self": "wenv is upgraded by what installed it: `pip install --upgrade wenv`",
    "clean": "`wenv cache prune` deletes what no environment uses",
    "prune": "`wenv cache prune` deletes what no environment uses",
    "gc": "`wenv cache prune` deletes what no environment uses",
    "images": "`wenv list`",
    "ps": "`wenv list` lists environments; nothing runs in them but what you start",
    "save": "`wenv export -o FILE.wenv`",
    "load": "`wenv import FILE.wenv`",
    "clone": "`wenv copy FROM TO`",
    "publish": "`wenv push` shares an environment; packages are published by twine or uv",
    "ui": "`wenv tui`",
    "doctor": "`wenv cache verify` looks at the store, `wenv info` at an environment, `wenv check` at packages",
    "version": "`wenv --version`",
}
#: Other names of commands.
SAME = {"ls": "list", "delete": "remove", "rm": "remove", "update": "upgrade", "clear": "remove"}


class Commands(TyperGroup):
    """The commands, and an answer to words of other tools."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name; raises UsageError for a word of another tool's."""
        found = super().get_command(ctx, SAME.get(cmd_name, cmd_name))
        if found is None and cmd_name in ANSWERS:
            raise UsageError(f"there is no command `{ctx.command_path} {cmd_name}`", ANSWERS[cmd_name])
        return found
