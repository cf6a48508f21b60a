"""What README and the site print is what comes."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Wenv
from tests.docs import blocks, commands
from tests.docs.blocks import Shell
from tests.share.test_registry import serve

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in DOCUMENTS}
#: The registry that documents name, and tests replace by one on loopback.
REGISTRY = "registry.example"


@pytest.fixture
def shell(wenv: Wenv) -> Iterator[Shell]:
    opened = Shell(wenv)
    yield opened
    opened.close()


def _run(shell: Shell, name: str, registry: str = REGISTRY) -> None:
    for block in blocks.blocks(TEXTS[name]):
        if not block.mark or blocks.is_long(TEXTS[name]):
            blocks.run(shell, blocks.Block(block.language, block.text.replace(REGISTRY, registry), block.mark))


STORIES = [name for name, text in TEXTS.items() if any(not block.mark for block in blocks.blocks(text))]
SHORT = [name for name in STORIES if REGISTRY not in TEXTS[name] and not blocks.is_long(TEXTS[name])]


@pytest.mark.parametrize("name", SHORT)
def test_a_document_is_true_as_printed(shell: Shell, name: str) -> None:
    _run(shell, name)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in TEXTS if blocks.is_long(TEXTS[name])])
def test_a_long_document_is_true_as_printed(shell: Shell, name: str) -> None:
    _run(shell, name)


@pytest.mark.parametrize("name", [name for name in STORIES if REGISTRY in TEXTS[name]])
def test_a_document_with_a_registry_is_true_as_printed(shell: Shell, tmp_path: Path, name: str) -> None:
    serving = serve(tmp_path, password=False)
    _run(shell, name, next(serving).host)
    serving.close()  # type: ignore[attr-defined]


@pytest.mark.long
def test_building_is_as_the_guide_says(builds: Wenv) -> None:
    shell = Shell(builds)
    for block in blocks.blocks(TEXTS["docs/guides/compiled-packages.md"]):
        if block.language == "console":
            blocks.run(shell, block)
    shell.close()


@pytest.mark.long
def test_wenv_is_installed_as_the_readme_says(tmp_path: Path) -> None:
    """From a copy of the source tree, by the very line, and then with the compiler."""
    copy = tmp_path / "wenv"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True)
    install = next(block.text for block in blocks.blocks(TEXTS["README.md"]) if block.mark == "long")
    guide = blocks.blocks(TEXTS["docs/guides/compiled-packages.md"])
    extra = next(block.text for block in guide if block.mark == "long" and block.language == "sh")
    script = f"set -e\n{install}\n{extra}\nwenv --version\n"
    result = subprocess.run(["bash", "-c", script], cwd=copy, text=True, capture_output=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1].startswith("wenv ")


def test_the_makefile_has_what_the_documents_name() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for name, text in TEXTS.items():
        assert set(re.findall(r"`make ([a-z][\w-]*)", text)) <= targets, name
        for block in blocks.blocks(text):
            if block.mark == "make":
                assert {command.split()[1] for command, _ in block.commands} <= targets


def test_every_command_stands_in_a_block_that_is_run() -> None:
    """A fence with another language, or one that is indented, would be run by nobody."""
    for name, text in TEXTS.items():
        known = set(re.findall(r"^```(\w*)", text, re.MULTILINE)) - {""}
        assert known <= {"console", "sh", "python", "text", "toml", "json"}, name
        if "```text" in text:
            assert name == "docs/reference/commands.md"
        assert "\n    $ " not in text, name


def test_the_page_of_commands_is_what_the_command_line_says() -> None:
    assert commands.page() == TEXTS["docs/reference/commands.md"], "python -m tests.docs.commands writes it anew"


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    assert len(TEXTS["README.md"].splitlines()) <= 150
    for name, text in TEXTS.items():
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert ((ROOT / name).parent / target).exists(), f"{name}: {target}"


@pytest.mark.long
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    for name in ("docs", "wenv", "cache", "resolver", "zensical.toml", "CHANGELOG.md", "pyproject.toml"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "start"))
        else:
            shutil.copy(source, tmp_path)
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--group", "docs"]
    subprocess.run([*pip[:-2], "--upgrade", "pip"], check=True)
    subprocess.run(pip, check=True, cwd=tmp_path)
    result = subprocess.run(
        [str(environment / "bin" / "zensical"), "build", "--strict"], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "CodeError" in (tmp_path / "site" / "reference" / "api" / "index.html").read_text("utf-8")
