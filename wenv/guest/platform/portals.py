"""A portal of anyio's (`anyio.from_thread.BlockingPortal`) without a thread: its loop runs while somebody waits for a call."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from . import threads


class Portal:
    """As anyio's, with a loop of asyncio's."""

    def __init__(self) -> None:
        import asyncio

        self._loop = asyncio.new_event_loop()

    def call(self, func: Callable[..., Any], *args: Any) -> Any:
        """The result of a function or coroutine function, in the loop."""
        return self.start_task_soon(func, *args).result()

    def start_task_soon(self, func: Callable[..., Any], *args: Any, name: object = None) -> Any:
        """A future of it, as of a thread's."""
        from concurrent.futures import Future

        future: Any = Future()

        async def work() -> None:
            try:
                result = func(*args)
                future.set_result(await result if hasattr(result, "__await__") else result)
            except BaseException as error:
                if not future.cancelled():
                    future.set_exception(error)
                if not isinstance(error, Exception):
                    raise

        task = self._loop.create_task(work(), name=None if name is None else str(name))
        future.add_done_callback(lambda future: future.cancelled() and task.cancel())
        self._queue()
        return future

    def _queue(self) -> None:
        if not self._loop.is_running():
            handle = threads.Handle()
            handle.is_daemon, handle.work = True, lambda: self._drive(handle.is_there_below)
            threads.start(handle)

    def _drive(self, is_there: Callable[[], bool]) -> None:
        """Run the loop until what is waited for is there, or nothing is left that goes on by itself."""
        import asyncio

        loop: Any = self._loop
        if loop.is_running() or loop.is_closed():
            return
        goes_on = True

        async def until() -> None:
            nonlocal goes_on
            turns = 0
            while goes_on and not is_there():
                await asyncio.sleep(0 if turns < 1000 else 0.001)
                goes_on = bool(loop._ready or loop._scheduled or loop._selector.get_map())
                turns += 1

        loop.run_until_complete(until())
        if goes_on:
            self._queue()

    def start_task(self, func: Callable[..., Any], *args: Any, name: object = None) -> tuple[Any, Any]:
        """The future of a task, and what it said when it had started."""
        from threading import Event

        said: list[Any] = []
        began = Event()

        class Status:
            def started(self, value: Any = None) -> None:
                said.append(value)
                began.set()

        future = self.start_task_soon(lambda *given: func(*given, task_status=Status()), *args, name=name)
        future.add_done_callback(lambda _: began.set())
        began.wait()
        if not said:
            future.result()
            raise RuntimeError("the task ended without saying that it had started")
        return future, said[0]

    @contextmanager
    def wrap_async_context_manager(self, cm: Any) -> Iterator[Any]:
        """An asynchronous context manager as a plain one."""
        value = self.call(cm.__aenter__)
        try:
            yield value
        except BaseException as error:
            if not self.call(cm.__aexit__, type(error), error, error.__traceback__):
                raise
        else:
            self.call(cm.__aexit__, None, None, None)

    async def stop(self, cancel_remaining: bool = False) -> None:
        """End what runs, if that is wanted."""
        import asyncio

        for task in asyncio.all_tasks(self._loop) - {asyncio.current_task()} if cancel_remaining else ():
            task.cancel()

    def close(self, *, cancelled: bool) -> None:
        """Wait for what runs, or end it."""
        import asyncio

        left = asyncio.all_tasks(self._loop)
        for task in left if cancelled else ():
            task.cancel()
        if left:
            self._loop.run_until_complete(asyncio.wait(left))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


@contextmanager
def start_blocking_portal(*_: Any, **__: Any) -> Iterator[Portal]:
    """As anyio's function of the name."""
    portal = Portal()
    try:
        yield portal
    except BaseException:
        portal.close(cancelled=True)
        raise
    portal.close(cancelled=False)
