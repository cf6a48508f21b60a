"""The examples: made from the real package index, they print what their expected.txt says."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from examples.demo import EXAMPLES, HERE
from tests.conftest import Wenv


@pytest.mark.parametrize(("name", "program"), EXAMPLES)
def test_example(wenv: Wenv, name: str, program: tuple[str, ...]) -> None:
    folder = wenv.folder / name
    shutil.copytree(HERE / name, folder, ignore=shutil.ignore_patterns(".wenv"))
    inside = Wenv(folder, wenv.environment)
    inside("create", "-r", "requirements.txt")
    assert inside("run", *program) == (folder / "expected.txt").read_text("utf-8")


def test_the_site_is_written_where_it_is_allowed(wenv: Wenv) -> None:
    folder = wenv.folder / "site"
    shutil.copytree(HERE / "site", folder, ignore=shutil.ignore_patterns(".wenv"))
    inside = Wenv(folder, wenv.environment)
    inside("create", "-r", "requirements.txt")
    inside("run", "build.py", "pages", "public", status=1)
    inside("run", "--write", "build.py", "pages", "public")
    assert sorted(path.name for path in (folder / "public").iterdir()) == ["index.html", "sowing.html"]
    assert '<a href="sowing.html">' in Path(folder / "public" / "index.html").read_text("utf-8")


def test_the_tables_of_the_benchmarks_are_those_of_the_kept_results() -> None:
    root = Path(__file__).parents[2]
    sys.path.insert(0, str(root / "benchmarks"))
    try:
        import tables
    finally:
        del sys.path[0]
    results = json.loads((root / "benchmarks" / "results.json").read_text())
    assert tables.rendered(results) in (root / "docs" / "development" / "benchmarks.md").read_text("utf-8")
