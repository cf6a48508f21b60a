"""The canonical manifest: one text and one digest for the same files, whatever happened on the way."""

import pytest

from wenv_cache.errors import CacheError, UnsafePathError
from wenv_cache.manifest import File, Manifest, snapshot_digest

A, B = "a" * 64, "b" * 64


def test_order_does_not_matter() -> None:
    files = [File("b/x.py", A, 3), File("a.py", B, 5, executable=True), File("b.py", A, 3)]
    assert Manifest.of(files).text() == Manifest.of(reversed(files)).text()
    assert Manifest.of(files).text().splitlines() == ["wenv-layer 1", f"{B} 5 x a.py", f"{A} 3 - b.py", f"{A} 3 - b/x.py"]


def test_text_and_digest_are_fixed_for_ever() -> None:
    manifest = Manifest.of([File("é/x", A, 1), File("z", B, 2, executable=True)])
    assert manifest.digest == "20789e91e4911fc448138e2fb960d044fdf274dd8da27e1002dd961eb36ea1e9"
    assert Manifest.parse(manifest.text()) == manifest
    assert manifest.size == 3


@pytest.mark.parametrize("change", [lambda text: text + "\n", lambda text: text.replace(" 1 ", " 01 "), lambda text: text[:-1]])
def test_only_the_canonical_text_is_read(change: "object") -> None:
    text = Manifest.of([File("x", A, 1), File("y", B, 1)]).text()
    with pytest.raises(CacheError):
        Manifest.parse(change(text))  # type: ignore[operator]


def test_unsorted_text_is_refused() -> None:
    first, second = f"{A} 1 - x", f"{A} 1 - a"
    with pytest.raises(CacheError):
        Manifest.parse(f"wenv-layer 1\n{first}\n{second}\n")


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../x",
        "a/../b",
        "a//b",
        "./a",
        "",
        "a\\b",
        "C:x",
        "a\nb",
        "a\0b",
        "x.",
        "x /y",
        "a" * 300,
        "b/" * 600 + "c",
    ],
)
def test_paths_that_no_layer_may_hold(path: str) -> None:
    with pytest.raises(UnsafePathError):
        Manifest.of([File(path, A, 1)])


@pytest.mark.parametrize(
    "pair",
    [("a/x", "A/y"), ("README", "readme"), ("caf\u00e9", "cafe\u0301"), ("x", "x/y"), ("stra\u00dfe", "strasse"), ("x", "x")],
)
def test_names_that_collide_somewhere_are_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(UnsafePathError):
        Manifest.of([File(path, A, 1) for path in pair])


def test_a_snapshot_is_its_layers_in_order() -> None:
    assert snapshot_digest([A, B]) != snapshot_digest([B, A])
    assert snapshot_digest([A, B]) == snapshot_digest(iter((A, B)))
