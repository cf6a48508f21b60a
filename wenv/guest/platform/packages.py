"""Changes to packages that count on threads or on copies of descriptors and could do without: they do without here."""

import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, Self

from . import portals


def show_without_threads(live: ModuleType) -> None:
    """Let rich draw when something has changed, if it is time for that: it would from a thread."""

    class _RefreshThread:
        def __init__(self, live: Any, refresh_per_second: float) -> None:
            self.live, self.refresh_per_second = live, refresh_per_second

        def start(self) -> None:
            self.live._next = 0.0

        def stop(self) -> None:
            return

        def join(self) -> None:
            return

    update = live.Live.update

    def updating(self: Any, renderable: Any, *, refresh: bool = False) -> None:
        update(self, renderable, refresh=refresh or _is_time(self))

    vars(live).update(_RefreshThread=_RefreshThread)
    live.Live.update = updating


def _is_time(live: Any) -> bool:
    """Whether a display is to be drawn again now."""
    if not (live.auto_refresh and live.is_started) or time.monotonic() < getattr(live, "_next", 0.0):
        return False
    live._next = time.monotonic() + 1 / live.refresh_per_second
    return True


def track_without_threads(progress: ModuleType) -> None:
    """The same for rich's bars: a step that was taken is counted at once."""

    class _TrackThread:
        def __init__(self, progress: Any, task_id: Any, update_period: float) -> None:
            self._progress, self._task, self._done = progress, task_id, 0.0

        @property
        def completed(self) -> float:
            return self._done

        @completed.setter
        def completed(self, value: float) -> None:
            step, self._done = value - self._done, value
            self._progress.advance(self._task, step)

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            self._progress.update(self._task, completed=self._done, refresh=True)

    def drawing(method: Callable[..., Any]) -> Callable[..., Any]:
        def change(self: Any, *arguments: Any, **keywords: Any) -> Any:
            result = method(self, *arguments, **keywords)
            if _is_time(self.live):
                self.refresh()
            return result

        return change

    kind = progress.Progress
    kind.advance, kind.update = drawing(kind.advance), drawing(kind.update)
    vars(progress).update(_TrackThread=_TrackThread)


def watch_nothing(std: ModuleType) -> None:
    """Let tqdm not start the thread that watches for bars that hang."""
    std.tqdm.monitor_interval = 0


def capture_streams(capture: ModuleType) -> None:
    """Let pytest's `capfd` do what `capsys` does: a descriptor cannot be copied here."""
    vars(capture).update(FDCapture=capture.SysCapture, FDCaptureBinary=capture.SysCaptureBinary)


def work_at_once(backend: ModuleType) -> None:
    """Let anyio's worker threads do their work at once, as asyncio's do."""

    async def run(cls: Any, func: Any, args: Any, abandon_on_cancel: bool = False, limiter: Any = None) -> Any:
        await cls.checkpoint()
        return func(*args)

    backend.AsyncIOBackend.run_sync_in_worker_thread = classmethod(run)


def drive_portals(from_thread: Any) -> None:
    """A blocking portal of anyio's has a loop in a thread, for calls from others: here it runs while they wait."""
    vars(from_thread).update(start_blocking_portal=portals.start_blocking_portal, BlockingPortal=portals.Portal)


def name_what_others_have(run: ModuleType) -> None:
    """trio imports what it has with kqueue on all systems that it does not know, though it found epoll."""

    def absent(*_: object) -> None:
        raise NotImplementedError("kqueue is not here")

    for name in ("current_kqueue", "monitor_kevent", "wait_kevent"):
        vars(run).setdefault(name, absent)


def keep_no_threads(cache: Any) -> None:
    """trio's threads wait for more work: here each piece of work is a thread of its own."""

    def start_thread_soon(self: object, fn: Any, deliver: Any, name: str | None = None) -> None:
        work = lambda: deliver(cache.outcome.capture(fn))  # noqa: E731
        cache.Thread(target=work, name=name, daemon=True).start()

    cache.ThreadCache.start_thread_soon = start_thread_soon


def look_for_ends(subprocess: Any) -> None:
    """trio waits for a program's end in a thread: here the loop looks for it."""

    async def wait_child_exiting(process: Any) -> None:
        pause = 0.001
        while process._proc.poll() is None:
            await subprocess.trio.sleep(pause)
            pause = min(2 * pause, 0.05)

    subprocess.wait_child_exiting = wait_child_exiting


#: By the module that is changed.
ADAPTED: dict[str, Callable[[ModuleType], None]] = {
    "rich.live": show_without_threads,
    "rich.progress": track_without_threads,
    "tqdm.std": watch_nothing,
    "_pytest.capture": capture_streams,
    "anyio._backends._asyncio": work_at_once,
    "anyio.from_thread": drive_portals,
    "trio._core._run": name_what_others_have,
    "trio._core._thread_cache": keep_no_threads,
    "trio._subprocess": look_for_ends,
}
