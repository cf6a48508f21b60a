"""One word for one thing: the words that docs/concepts/words.md gives up are used nowhere that people read."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORDS = ROOT / "docs" / "concepts" / "words.md"
#: Documents that quote others.
LEFT_OUT = {WORDS, ROOT / "docs" / "reference" / "format.md"}


def given_up() -> list[str]:
    """The phrases in the first column of the second table."""
    table = WORDS.read_text("utf-8").partition("| not | but |\n| --- | --- |\n")[2]
    found = [phrase.strip() for line in table.splitlines() for phrase in line.split("|")[1].split(",")]
    assert len(found) > 10
    return found


def read_by_people() -> Iterator[tuple[str, str]]:
    """Documents; texts of errors and commands; docstrings of the API; each with where it is."""
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        if path not in LEFT_OUT:
            yield str(path), path.read_text("utf-8")
    for path in sorted(path for room in ("wenv", "cache", "resolver") for path in (ROOT / room).rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                for part in ast.walk(node.exc):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield f"{path}:{node.lineno}", part.value
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and path.parent.name in ("api", "cli", "tui"):
                yield f"{path}:{getattr(node, 'lineno', 1)}", ast.get_docstring(node) or ""


def test_words_that_were_given_up_are_not_used() -> None:
    pattern = re.compile("|".join(rf"\b{re.escape(phrase)}s?\b" for phrase in given_up()), re.IGNORECASE)
    found = [(where, match[0]) for where, text in read_by_people() for match in pattern.finditer(" ".join(text.split()))]
    assert not found, found
