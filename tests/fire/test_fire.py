"""The store under fire, whole; ``python -m tests.fire`` does more of the same, and prints the counts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fire import clock, crowd, disk, flips, kills, readonly
from tests.fire.lab import Lab, Report, mount, new_lab
from wenv.runtimes import Runtime

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif("sys.platform == 'win32'", reason="kills, file systems and process groups are POSIX's"),
]


@pytest.fixture
def lab(tmp_path: Path, runtime: Runtime) -> Lab:
    """A store and wheels."""
    return new_lab(tmp_path / "lab", runtime)


def sound(report: Report, *counted: str) -> None:
    """No faults, and there was something to count: a subject that tried nothing proves nothing."""
    print(report.text())
    assert report.faults == []
    if not report.counts:
        pytest.skip("; ".join(report.left_out))
    assert all(report.counts[name] > 0 for name in counted)


def test_a_hundred_kills_lose_nothing(lab: Lab) -> None:
    report = kills.fire(lab, kills=100)
    sound(report, "killed create", "killed install", "killed bake", "killed import", "killed export", "killed prune")
    assert sum(count for what, count in report.counts.items() if what.startswith("killed ")) == 100


def test_sixteen_at_once_all_succeed(lab: Lab) -> None:
    sound(crowd.fire(lab), *crowd.WEIGHTS)


def test_a_disk_full_at_every_write_breaks_nothing(lab: Lab) -> None:
    sound(disk.fire(lab), "refused for lack of room")


def test_a_read_only_store_can_be_read(lab: Lab) -> None:
    sound(readonly.fire(lab))


def test_flipped_bytes_are_named_and_mended(lab: Lab) -> None:
    sound(flips.fire(lab, short=True), "records damaged, verified", "files damaged, all at once")


def test_a_clock_set_back_by_a_year_does_not_matter(lab: Lab) -> None:
    sound(clock.fire(lab))


@pytest.mark.parametrize("change", [lambda path: path.unlink(), lambda path: path.write_bytes(b"{}")])
def test_the_suite_notices_what_is_lost(lab: Lab, change: Callable[[Path], None]) -> None:
    lab.must("create", "-n", "one", "p0", *lab.offer)
    assert lab.broken(["one"]) == []
    assert lab.not_running(["one"]) == []
    change(lab.home("one") / "environment.json")
    assert any("environment one is" in fault for fault in lab.broken(["one"]))
    assert lab.not_running(["one"])


def test_the_suite_notices_what_is_left_over(lab: Lab) -> None:
    (lab.folder / "data" / "temporary").mkdir(parents=True)
    (lab.folder / "data" / "temporary" / "left").write_text("")
    assert any("left in the store" in fault for fault in lab.left_over())


def test_a_full_file_system_is_full(tmp_path: Path) -> None:
    if not mount(tmp_path / "small", 8 << 20):
        pytest.skip("no file system can be mounted here")
    from tests.fire.lab import unmount

    try:
        room = disk.Disk(tmp_path / "small")
        room.leave(disk.PAGE)
        with pytest.raises(OSError, match="No space left"):
            (tmp_path / "small" / "more").write_bytes(bytes(3 * disk.PAGE))
        room.empty()
        (tmp_path / "small" / "more").write_bytes(bytes(3 * disk.PAGE))
    finally:
        unmount(tmp_path / "small")
