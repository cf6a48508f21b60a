"""How soon the terminal UI shows something: 200 environments, and a tree of 20,000 files.

    python benchmarks/tui.py [--runs N]

Environments are made in a data folder of their own, with a layer that is made for it; the store is the user's.  Times count
from the start of the application (Python and imports are told apart) to the moment at which the screen has been drawn.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from wenv.tui.app import Wenv

ENVIRONMENTS, FILES = 200, 20_000


def make(packages: list[str]) -> None:
    """The environments, in the data folder that the variable names."""
    from wenv.environment import find

    wenv = [sys.executable, "-P", "-m", "wenv"]
    subprocess.run([*wenv, "create", "--quiet", "-n", "first", *packages], check=True)
    first = find.find("first")
    for index in range(ENVIRONMENTS - 1):
        copy = replace(first, folder=find.place(f"copy{index:03}"), stamp=None)
        copy.folder.mkdir(parents=True)
        copy.save({}, granting=True, sharing=False)


def enlarge() -> None:
    """Give one of them a package of many files."""
    from wenv.environment import find
    from wenv.locations import cache_folder
    from wenv_cache.layers import LayerWriter, publish
    from wenv_cache.store import Store

    store, first = Store(cache_folder()), find.find("copy000")
    with store.writing() as writing, store.staging() as staging:
        writer, content = LayerWriter(store, staging), staging / "content"
        content.write_bytes(b"x")
        for index in range(FILES):
            with content.open("rb") as file:
                writer.add(f"site-packages/many/part{index % 40}/file{index}.txt", file)
        layer = writer.finish()
        publish(writing, [layer])
        package = replace(first.packages[0], digest=layer.manifest.digest, name="many")
        replace(first, packages=(package,), stamp=None).save({}, granting=True, sharing=False)


async def drawn(app: "Wenv") -> None:
    """What has changed is on the screen; animations may go on."""
    done = asyncio.Event()
    app.screen.call_after_refresh(done.set)
    await done.wait()


async def listed(app: "Wenv", pilot: "Pilot[None]") -> None:
    """The list is there."""
    await app.settled()
    await drawn(app)
    assert app.screen.query_one("#environments").row_count == ENVIRONMENTS  # type: ignore[attr-defined]


async def tree(app: "Wenv", pilot: "Pilot[None]") -> None:
    """The tree of the large environment is there."""
    from wenv.environment import find
    from wenv.tui.screens.environment import EnvironmentScreen

    screen = EnvironmentScreen(find.place("copy000"))
    await app.push_screen(screen)
    await app.settled()
    screen.action_tab("layers-pane")
    await drawn(app)
    assert screen.query_one("#files").root.children  # type: ignore[attr-defined]


def measured(use: Callable[["Wenv", "Pilot[None]"], Awaitable[None]], *, from_start: bool) -> float:
    """Seconds until `use` has seen what it waits for."""
    from wenv.locations import cache_folder
    from wenv.tui.app import Wenv
    from wenv_cache.store import Store

    async def run() -> float:
        start = time.perf_counter()
        app = Wenv(Store(cache_folder()))
        async with app.run_test(size=(120, 40)) as pilot:
            if not from_start:
                await listed(app, pilot)
                start = time.perf_counter()
            await use(app, pilot)
            return time.perf_counter() - start

    return asyncio.run(run())


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WENV_DATA_DIR"] = str(Path(folder, "data"))
        make(["rich", "requests"])
        imports = "import wenv.tui.app"
        rows = {"Python and imports": [timed([sys.executable, "-P", "-c", imports]) for _ in range(runs)]}
        rows[f"{ENVIRONMENTS} environments listed"] = [measured(listed, from_start=True) for _ in range(runs)]
        enlarge()
        rows[f"{FILES} files opened"] = [measured(tree, from_start=False) for _ in range(runs)]
    for name, times in rows.items():
        print(f"{name:<28} {statistics.median(times) * 1000:6.0f} ms")


def timed(command: list[str]) -> float:
    """Seconds that a process takes."""
    start = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
