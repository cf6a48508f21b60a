"""Environments as files: the same bytes everywhere, whole or not at all, and nothing granted."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.conftest import Wenv, copy_runtime
from tests.helpers.wheel_builder import Wheel
from wenv.runtimes import Runtime
from wenv_cache.store import Store


@pytest.fixture
def shared(wenv: Wenv, wheels: Path) -> Wenv:
    """An environment with a dependency, data, a script, and a policy; exported as ``lab.wenv``."""
    Wheel("zz_low", files={"zz_low/__init__.py": "x = 1\n", "zz_low/data.txt": "data\n" * 100}).write(wheels)
    script = "[console_scripts]\nzz-hello = zz_high:main\n"
    code = "import zz_low\ndef main(): print('hello', zz_low.x)\n"
    Wheel("zz_high", files={"zz_high.py": code}, requires=["zz-low"], entry_points=script).write(wheels)
    offer = ("--no-index", "--find-links", str(wheels))
    wenv("create", "-n", "lab", "zz-high", *offer, "--env", "SECRET=hunter2", "--memory", "512M")
    wenv("export", "-n", "lab", "-o", "lab.wenv")
    return wenv


@pytest.fixture
def other(shared: Wenv, tmp_path: Path, runtime: Runtime) -> Wenv:
    """Another user of this machine, with an empty store, the interpreter apart."""
    store = tmp_path / "other-cache"
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    environment = {**shared.environment, "WENV_DATA_DIR": str(tmp_path / "other-data"), "PIP_NO_INDEX": "1"}
    copy_runtime(runtime, Store(store))
    return Wenv(folder, {**environment, "WENV_CACHE_DIR": str(store)})


def test_there_and_back_without_network(shared: Wenv, other: Wenv, tmp_path: Path) -> None:
    file = str(shared.folder / "lab.wenv")
    before = shared.json("info", "-n", "lab")
    said = other.result("import", file, "-n", "copy").stderr
    assert "SECRET" in said
    assert "not granted" in said
    after = other.json("info", "-n", "copy")
    for key in ("snapshot", "lock", "requested", "created", "changed", "scripts"):
        assert after[key] == before[key]
    assert after["policy"] == {**before["policy"], "environment": {"SECRET": None}}
    assert b"hunter2" not in Path(file).read_bytes()
    assert "not granted" in other("info", "-n", "copy")
    assert other("run", "-n", "copy", "zz-hello") == shared("run", "-n", "lab", "zz-hello") == "hello 1\n"
    assert other("run", "-n", "copy", "-c", "import os; print(os.environ.get('SECRET'))") == "None\n"
    assert other.json("cache", "verify") == []
    other("export", "-n", "copy", "-o", "again.wenv")
    assert (other.folder / "again.wenv").read_bytes() == Path(file).read_bytes()
    granted = other.json("import", file, "-n", "trusted", "--grant")
    assert granted["granted"] is True
    other.environment["SECRET"] = "another"
    assert other("run", "-n", "trusted", "-c", "import os; print(os.environ.get('SECRET'))") == "another\n"
    assert "--clear" in other.result("import", file, "-n", "copy", status=1).stderr
    other("import", file, "-n", "copy", "--clear")
    other("import", file)
    assert other("run", "zz-hello") == "hello 1\n"
    other("install", "zz-high", "--no-index", "--find-links", str(tmp_path / "wheels"))


def test_the_same_bytes_whatever_the_host(shared: Wenv, tmp_path: Path) -> None:
    first = (shared.folder / "lab.wenv").read_bytes()
    shared("export", "-n", "lab", "-o", "second.wenv")
    assert (shared.folder / "second.wenv").read_bytes() == first
    # another time zone, umask and locale
    code = (
        "import os, sys; os.umask(0o077); from wenv.__main__ import main; "
        "sys.argv = ['wenv', 'export', '-n', 'lab', '-o', 'third.wenv']; main()"
    )
    environment = {**shared.environment, "TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", code], cwd=shared.folder, env=environment, check=True)
    assert (shared.folder / "third.wenv").read_bytes() == first


def test_layers_do_not_depend_on_the_order_or_times_of_files(tmp_path: Path) -> None:
    import io

    from wenv_cache import oci
    from wenv_cache.layers import LayerWriter, publish

    contents = {f"d{number % 3}/f{number}.txt": b"x" * number for number in range(40)}
    blobs = []
    for name, order in (("one", list(contents)), ("two", list(reversed(contents)))):
        store = Store(tmp_path / name)
        with store.writing() as writing, store.staging() as staging:
            writer = LayerWriter(store, staging)
            for path in order:
                writer.add(path, io.BytesIO(contents[path]), executable=path.endswith("7.txt"))
            layer = writer.finish()
            publish(writing, [layer])
        for path in order if name == "two" else ():
            os.utime(store.tree(layer.manifest.digest) / path, (1, 1))
        target = io.BytesIO()
        oci.write_layer(store, layer.manifest.digest, target)
        blobs.append((layer.manifest.digest, target.getvalue()))
    assert blobs[0] == blobs[1]


def test_a_file_is_run_and_read_without_being_imported(shared: Wenv, other: Wenv) -> None:
    file = str(shared.folder / "lab.wenv")
    (other.folder / "script.py").write_text("import sys, zz_low; print(sys.argv[1:], zz_low.x)")
    assert other("run", "--from", file, "script.py", "a") == "['a'] 1\n"
    assert other("run", "--from", file, "-c", "raise SystemExit(7)", status=7) == ""
    assert other.json("list") == []
    said = other.json("info", file)
    assert [(package["name"], package["version"]) for package in said["packages"]] == [("zz-high", "1.0"), ("zz-low", "1.0")]
    assert said["snapshot"] == shared.json("info", "-n", "lab")["snapshot"]
    assert "zz-low" in other("info", file)
    assert not list((Path(other.environment["WENV_DATA_DIR"]) / "temporary").iterdir())


def test_what_a_killed_run_leaves_is_swept(shared: Wenv, other: Wenv) -> None:
    file = str(shared.folder / "lab.wenv")
    command = [
        sys.executable,
        "-P",
        "-m",
        "wenv",
        "run",
        "--from",
        file,
        "-c",
        "print('on', flush=True)\nwhile True: pass",
    ]
    process = subprocess.Popen(command, cwd=other.folder, env=other.environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"on\n"
    temporary = Path(other.environment["WENV_DATA_DIR"]) / "temporary"
    other("cache", "prune")
    assert len(list(temporary.iterdir())) == 1  # it is in use
    process.kill()
    process.wait()
    process.stdout.close()
    assert len(other.json("list")) == 1
    other("cache", "prune")
    assert list(temporary.iterdir()) == []
    assert other.json("list") == []


def test_an_export_is_an_oci_image_layout(shared: Wenv) -> None:
    import hashlib

    shared("export", "-n", "lab", "-o", "with.wenv", "--with-runtime")
    for name, layers in (("lab.wenv", 2), ("with.wenv", 4)):
        with tarfile.open(shared.folder / name) as archive:
            contents = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
        assert json.loads(contents["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
        for path, data in contents.items():
            if path.startswith("blobs/"):
                assert path == f"blobs/sha256/{hashlib.sha256(data).hexdigest()}"
        (top,) = json.loads(contents["index.json"])["manifests"]
        manifest = json.loads(contents["blobs/sha256/" + top["digest"].removeprefix("sha256:")])
        assert manifest["artifactType"] == top["artifactType"] == "application/vnd.wenv.environment.v1"
        assert len(manifest["layers"]) == layers
        documented = (Path(__file__).parents[2] / "docs" / "reference" / "format.md").read_text("utf-8")
        for descriptor in (manifest["config"], *manifest["layers"]):
            assert descriptor["mediaType"] in documented
            assert len(contents["blobs/sha256/" + descriptor["digest"].removeprefix("sha256:")]) == descriptor["size"]


def test_a_runtime_inside_is_not_run(shared: Wenv, other: Wenv) -> None:
    shared("export", "-n", "lab", "-o", "with.wenv", "--with-runtime")
    other("import", str(shared.folder / "with.wenv"))
    assert other("run", "zz-hello") == "hello 1\n"


def test_differences(shared: Wenv, other: Wenv, wheels: Path) -> None:
    file = str(shared.folder / "lab.wenv")
    assert shared.json("diff", "lab", file)["packages"] == []
    Wheel("zz_low", "2.0", files={"zz_low/__init__.py": "x = 2\n", "zz_low/new.txt": "n"}).write(wheels)
    shared("create", "-n", "newer", "zz-high", "zz-low==2.0", "--no-index", "--find-links", str(wheels))
    found = json.loads(shared("diff", "lab", "newer", "--json", status=1))
    (change,) = found["packages"]
    assert (change["name"], change["change"], change["before"], change["after"]) == ("zz-low", "changed", "1.0", "2.0")
    files = {item["path"]: (item["before"], item["after"]) for item in change["files"]}
    assert files["site-packages/zz_low/data.txt"] == (500, None)
    assert files["site-packages/zz_low/new.txt"] == (None, 1)
    assert found["shared"] == 1
    assert "zz-low" in shared("diff", file, "newer", "--files", status=1)
    assert "- zz-low: site-packages/zz_low/data.txt" in shared("diff", file, "newer", "--files", status=1)
    assert other("diff", file, file) == ""
    assert "no environment called" in shared.result("diff", "lab", "nothing", status=2).stderr


def test_a_damaged_file_is_refused_although_its_layers_are_there(shared: Wenv) -> None:
    data = bytearray((shared.folder / "lab.wenv").read_bytes())
    place = data.rindex(b"\x28\xb5\x2f\xfd") + 40  # within the last layer's blob
    data[place] ^= 1
    (shared.folder / "bad.wenv").write_bytes(data)
    for arguments in (
        ("import", "bad.wenv", "-n", "bad"),
        ("run", "--from", "bad.wenv", "-c", "1"),
        ("diff", "bad.wenv", "lab"),
    ):
        result = shared.result(*arguments, status=None)
        assert result.returncode not in (0, None)
        assert "digest" in result.stderr or "damaged" in result.stderr, result.stderr
    assert len(shared.json("list")) == 1


def test_mistakes(shared: Wenv) -> None:
    (shared.folder / "text.wenv").write_text("no archive")
    (shared.folder / "empty.wenv").write_bytes(b"")
    for arguments, words in (
        (("import", "text.wenv"), "damaged"),
        (("import", "empty.wenv"), "damaged"),
        (("import", "missing.wenv"), "No such file"),
        (("import", "lab.wenv", "--max-size", "100"), "100 are allowed"),
        (("export", "-n", "lab", "-o", "lab.wenv"), "exists"),
        (("export", "-n", "nothing"), "no environment"),
        (("info", "text.wenv"), "damaged"),
        (("run", "--from", "text.wenv", "-c", "1"), "damaged"),
        (("push", "nowhere"), "no address"),
        (("push", "localhost:1/x", "text.wenv"), "no WebAssembly component"),
    ):
        result = shared.result(*arguments, status=None)
        assert result.returncode not in (0, None), arguments
        assert words in result.stderr, (arguments, result.stderr)
    assert not (shared.folder / ".wenv").exists()
