"""Killed at any moment, and many at once: nothing half done is ever seen."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Wenv, copy_runtime
from tests.helpers.wheel_builder import Wheel
from wenv.runtimes import Runtime
from wenv_cache.store import Store

COMMAND = [sys.executable, "-P", "-m", "wenv"]


def offered(wheels: Path, count: int) -> tuple[str, ...]:
    for number in range(count):
        files = {f"p{number}/m{part}.py": f"x = {number} * {part}\n" * 20 for part in range(30)}
        files |= {f"p{number}/__init__.py": "", f"p{number}/common.txt": "the same in all\n"}
        Wheel(f"p{number}", files=files).write(wheels)
    return ("--no-index", "--find-links", str(wheels))


def kill_creates(wenv: Wenv, wheels: Path, kills: int) -> None:
    """Kill ``create`` at random moments; after each kill the store is sound and what is listed runs."""
    offer, names = offered(wheels, 6), [f"p{n}" for n in range(6)]
    started = time.monotonic()
    wenv("create", "-n", "whole", *names, *offer)
    duration = time.monotonic() - started
    generator = random.Random(1)
    survived = 0
    for number in range(kills):
        chosen = generator.sample(names, 3)
        if number % 3 == 0:  # start from an emptier store, so that layers are being written at the moment of the kill
            wenv("remove", "whole", status=None)
            for each in wenv.json("list"):
                wenv("remove", each["name"])
            wenv("cache", "prune")
        process = subprocess.Popen(
            [*COMMAND, "create", "-n", f"e{number}", *chosen, *offer],
            cwd=wenv.folder, env=wenv.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        if number < kills - 1:
            time.sleep(generator.uniform(0.1, duration))
            process.send_signal(signal.SIGKILL)
        process.wait()  # the last one is left to end
        assert wenv.json("cache", "verify") == []
        for item in wenv.json("list"):
            assert item["state"] == "fine"
            survived += 1
            program = "import importlib.metadata as m; [__import__(d.name) for d in m.distributions()]; print('runs')"
            assert wenv("run", "-n", item["name"], "-c", program) == "runs\n"
    wenv("create", "-n", "afterwards", *names, *offer)
    assert wenv("run", "-n", "afterwards", "-c", "import p5.m3; print(p5.m3.x)") == "15\n"
    wenv("cache", "prune")
    assert not list(Path(wenv.environment["WENV_CACHE_DIR"]).glob("staging-*/*"))
    assert survived


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="kills with a POSIX signal")
def test_create_killed_at_random_moments(fresh: Wenv, wheels: Path) -> None:
    kill_creates(fresh, wheels, 6)


def test_eight_creates_at_once(fresh: Wenv, wheels: Path) -> None:
    offer = offered(wheels, 6)
    processes = [
        subprocess.Popen(
            [*COMMAND, "create", "-n", f"e{n}", *(f"p{(n + k) % 6}" for k in range(4)), *offer],
            cwd=fresh.folder, env=fresh.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for n in range(8)
    ]  # fmt: skip
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, errors
    assert fresh.json("cache", "verify") == []
    assert [item["state"] for item in fresh.json("list")] == ["fine"] * 8
    for n in range(8):
        assert fresh("run", "-n", f"e{n}", "-c", f"import p{n % 6}.m2 as m; print(m.x)") == f"{(n % 6) * 2}\n"


def test_the_same_environment_created_twice_at_once(fresh: Wenv, wheels: Path) -> None:
    command = [*COMMAND, "create", "-n", "same", "p1", *offered(wheels, 2)]
    processes = [
        subprocess.Popen(command, cwd=fresh.folder, env=fresh.environment, stderr=subprocess.DEVNULL) for _ in range(3)
    ]
    assert sorted(process.wait() for process in processes) == [0, 1, 1]
    assert fresh("run", "-n", "same", "-c", "import p1.m2; print(p1.m2.x)") == "2\n"


def test_prune_waits_for_creates(fresh: Wenv, wheels: Path) -> None:
    offer = offered(wheels, 6)
    creating = [
        subprocess.Popen([*COMMAND, "create", "-n", f"e{n}", *(f"p{k}" for k in range(n, n + 3)), *offer],
                         cwd=fresh.folder, env=fresh.environment, stderr=subprocess.DEVNULL)
        for n in range(3)
    ]  # fmt: skip
    while any(process.poll() is None for process in creating):
        fresh("cache", "prune")
    assert [process.returncode for process in creating] == [0] * 3
    for n in range(3):
        assert fresh("run", "-n", f"e{n}", "-c", f"import p{n}.m2; print(p{n}.m2.x)") == f"{n * 2}\n"


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a small file system")
def test_a_full_disk_changes_nothing(wenv: Wenv, runtime: Runtime, wheels: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        copy_runtime(runtime, Store(small))
        wenv.environment["WENV_CACHE_DIR"] = str(small)
        Wheel("little").write(wheels)
        Wheel("large", files={"large/data.bin": os.urandom(30 << 20)}).write(wheels)
        offer = ("--no-index", "--find-links", str(wheels))
        wenv("create", "little", *offer)
        (small / "filler").write_bytes(bytes(shutil.disk_usage(small).free - (10 << 20)))
        assert "no space left" in wenv.result("install", "large", *offer, status=1).stderr
        assert wenv.python("import little; print(little.version)") == "1.0\n"
        assert wenv.json("cache", "verify") == []
        assert not list(small.glob("staging-*/*"))
        (small / "filler").unlink()
        wenv("install", "large", *offer)
    finally:
        subprocess.run(["umount", str(small)], check=True)
