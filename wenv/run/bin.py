"""The ``bin`` folder of an environment: what virtualenv users expect there, each thing running inside the sandbox."""

import os
import re
import shlex
import stat
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from wenv.environment.manifest import Environment
from wenv.launcher.guest_paths import ACTIVE_VARIABLE
from wenv.locations import PACKAGE, registry_folder
from wenv.run.start_file import LAUNCHER as NATIVE
from wenv.run.start_file import bare_python, has_native_launcher, path_of
from wenv.snapshot.contents import console_scripts
from wenv_cache.ownfolder import LinkedFolderError, OwnFolder, own_folder
from wenv_cache.store import Store

BIN = "Scripts" if os.name == "nt" else "bin"

#: In place of a pip that would install into some other environment.
NO_PIP = """\
#!/bin/sh
echo "pip cannot install into this environment; use: wenv install PACKAGE" >&2
exit 1
"""

ACTIVATE_SH = """\
# Use with: . bin/activate
deactivate () {{
    [ -n "${{_WENV_OLD_PATH:-}}" ] && PATH="$_WENV_OLD_PATH" && export PATH && unset _WENV_OLD_PATH
    [ -n "${{_WENV_OLD_PS1+set}}" ] && PS1="$_WENV_OLD_PS1" && unset _WENV_OLD_PS1
    unset {variable}
    [ "${{1:-}}" = nondestructive ] || unset -f deactivate
    hash -r 2>/dev/null
    return 0
}}
deactivate nondestructive
_WENV_OLD_PATH="$PATH"
PATH={bin}:"$PATH"
{variable}={folder}
export PATH {variable}
if [ -n "${{PS1:-}}" ] && [ -z "${{VIRTUAL_ENV_DISABLE_PROMPT:-}}" ]; then
    _WENV_OLD_PS1="$PS1"
    PS1="("{label}") $PS1"
fi
hash -r 2>/dev/null || true
"""

ACTIVATE_FISH = """\
# Use with: source bin/activate.fish
function deactivate --description 'Leave the wenv environment'
    if set -q _WENV_OLD_PATH
        set -gx PATH $_WENV_OLD_PATH
        set -e _WENV_OLD_PATH
    end
    if functions -q _wenv_old_prompt
        functions -e fish_prompt
        functions -c _wenv_old_prompt fish_prompt
        functions -e _wenv_old_prompt
    end
    set -e {variable}
    test "$argv[1]" = nondestructive; or functions -e deactivate
end
deactivate nondestructive
set -gx _WENV_OLD_PATH $PATH
set -gx PATH {bin} $PATH
set -gx {variable} {folder}
if test -z "$VIRTUAL_ENV_DISABLE_PROMPT"; and functions -q fish_prompt
    functions -c fish_prompt _wenv_old_prompt
    function fish_prompt
        printf '(%s) ' {label}
        _wenv_old_prompt
    end
end
"""

ACTIVATE_PS1 = """\
# Use with: . bin/activate.ps1
function global:deactivate([switch]$NonDestructive) {{
    if (Test-Path variable:global:_WENV_OLD_PATH) {{
        $env:PATH = $global:_WENV_OLD_PATH
        Remove-Variable -Name _WENV_OLD_PATH -Scope Global
    }}
    if (Test-Path function:global:_wenv_old_prompt) {{
        Copy-Item function:global:_wenv_old_prompt function:global:prompt
        Remove-Item function:global:_wenv_old_prompt
    }}
    Remove-Item env:{variable} -ErrorAction SilentlyContinue
    if (-not $NonDestructive) {{ Remove-Item function:global:deactivate -ErrorAction SilentlyContinue }}
}}
deactivate -NonDestructive
$global:_WENV_OLD_PATH = $env:PATH
$env:PATH = {bin} + [IO.Path]::PathSeparator + $env:PATH
$env:{variable} = {folder}
if (-not $env:VIRTUAL_ENV_DISABLE_PROMPT) {{
    Copy-Item function:global:prompt function:global:_wenv_old_prompt
    function global:prompt {{ Write-Host -NoNewline ('(' + {label} + ') '); _wenv_old_prompt }}
}}
"""


#: What the scripts that wenv wrote can be told by, whichever version and environment they are of.
_WROTE = (
    b"wenv.launcher.start",
    b"-m wenv run",
    b"use: wenv install PACKAGE",
    b"deactivate nondestructive",
    b"_wenv_old_prompt",
)


def write_scripts(store: Store, environment: Environment, folder: OwnFolder) -> None:
    """Write the ``bin`` folder in the environment's folder, and take out of it what wenv wrote for another state of it."""
    with folder.inside(BIN, create=True) as own:
        wanted = _scripts(store, environment)
        _take_out(own, wanted)
        for name, text in wanted.items():
            executable = not name.startswith("activate")
            if not own.holds(name, text, executable=executable):
                own.write(name, text, executable=executable)


def refresh_scripts(store: Store, environment: Environment) -> None:
    """Write anew what `write_scripts` wrote elsewhere: for an environment that was moved."""
    # a project that may not be written to is no worse off than before; nor is one whose folders are links
    with (
        suppress(OSError, LinkedFolderError),
        own_folder(environment.folder) as folder,
        folder.inside(BIN, create=False) as own,
    ):
        for name, text in _scripts(store, environment).items():
            executable = not name.startswith("activate")
            if own.kind(name) == stat.S_IFREG and not own.holds(name, text, executable=executable):
                own.write(name, text, executable=executable)


def remove_scripts(folder: OwnFolder) -> None:
    """Delete what wenv wrote into the ``bin`` folder, and the folder if nothing else is in it.  Raises LinkedFolderError."""
    with suppress(FileNotFoundError), folder.inside(BIN, create=False) as own:
        _take_out(own, ())
    folder.remove_folder(BIN)


def _take_out(own: OwnFolder, wanted: Collection[str]) -> None:
    """Delete what wenv wrote into the ``bin`` folder, whole or not, but what is wanted."""
    for name in own.leftovers():
        own.remove(name)
    for name in own.names():
        content = None if name in wanted else own.read(name)
        if content is not None and any(text in content for text in _WROTE):
            own.remove(name)


def _scripts(store: Store, environment: Environment) -> dict[str, str]:
    """The files of ``bin``: name to text."""
    wanted = {"activate": _activate(ACTIVATE_SH, environment, shlex.quote)}
    wanted["activate.fish"] = _activate(ACTIVATE_FISH, environment, _fish_quoted)
    wanted["activate.ps1"] = _activate(ACTIVATE_PS1, environment, _powershell_quoted)
    for name in ("python", "python3"):
        wanted.update(_launcher(environment.folder, name, "python"))
    if os.name != "nt":
        wanted["pip"] = NO_PIP
    for name in console_scripts(store, environment.packages):
        if name not in wanted or name == "pip":
            wanted.update(_launcher(environment.folder, name, name))
    return wanted


#: The whole of a script that takes the short way: an interpreter that looks for nothing, and one module of ours.  It is the
#: one behind a virtual environment, which starts sooner; the long way is taken by the environment's own.  The native launcher,
#: where there is one, comes before both, and finds them in the second line.
LAUNCHER = """\
#!{first}
{second}import sys
sys.path.append({packages!r})
from wenv.launcher.start import main
main(__file__, {registry!r}, {target!r}, {whole!r})
"""


def _starts_scripts(program: str) -> bool:
    """Whether every system takes a program in a script's first line."""
    return re.fullmatch(r"/[\w./+@~-]{1,110}", program) is not None


def _launcher(folder: Path, name: str, target: str) -> dict[str, str]:
    """A file that runs `target` inside; the environment is found from the script itself, so a project can be moved."""
    if os.name == "nt":
        return {f"{name}.cmd": f'@"{sys.executable}" -P -m wenv run --path "%~dp0.." {target} %*\r\n'}
    bare = bare_python()
    if _starts_scripts(bare):
        packages, registry = str(PACKAGE.parent), str(registry_folder())
        lines = {"first": f"{bare} -IS", "second": ""}
        second = f"#\t{bare}\t{path_of(registry_folder(), str(folder))}\t{target}\n"
        if has_native_launcher() and _starts_scripts(str(NATIVE)) and second.count("\t") == 3 and second.count("\n") == 1:
            lines = {"first": str(NATIVE), "second": second}
        words = {"packages": packages, "registry": registry, "target": target, "whole": sys.executable}
        return {name: LAUNCHER.format(**lines, **words)}
    python, quoted = shlex.quote(sys.executable), shlex.quote(target)
    text = '#!/bin/sh\nhere=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd) || exit 125\n'
    return {name: f'{text}exec {python} -P -m wenv run --path "$here" {quoted} "$@"\n'}


def _activate(template: str, environment: Environment, quote: Callable[[str], str]) -> str:
    return template.format(
        bin=quote(str(environment.folder / BIN)),
        folder=quote(str(environment.folder)),
        label=quote(
            re.sub(r"[^\w .+-]", "_", environment.name or environment.folder.parent.name or "wenv")
        ),  # shells expand it
        variable=ACTIVE_VARIABLE,
    )


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _powershell_quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
