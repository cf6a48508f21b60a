"""Sessions for programs with an event loop."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from wenv.api.replies import Output

if TYPE_CHECKING:
    from wenv.api.session import OpenEnvironment, Session
    from wenv.network.calls import Call

Result = TypeVar("Result")


class AsyncSession:
    """A session in a thread of its own: what waits for it does not block the loop.  An async context manager.

    A call that is cancelled stops what runs, and so ends the sandbox: `reset` starts it anew.
    """

    def __init__(self, opened: "OpenEnvironment", options: dict[str, Any]) -> None:
        self._opened, self._options = opened, options
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="wenv-session")
        self._session: Session | None = None

    async def __aenter__(self) -> Self:
        import asyncio  # late, as everywhere here: whoever has no loop does without it

        loop = asyncio.get_running_loop()
        options = dict(self._options)
        told = options.get("on_output")
        if told is not None:
            options["on_output"] = lambda stream, text: loop.call_soon_threadsafe(told, stream, text)
        try:
            self._session = await self._in_thread(lambda: self._opened.session(**options, _loop=loop))
        except BaseException:
            self._pool.shutdown(wait=False)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self.close()

    async def run(self, code: str, *, result: bool = False) -> Output:
        """See `wenv.api.session.Session.run`."""
        return await self._in_thread(partial(self._open.run, code, result=result))

    async def call(self, function: str, *arguments: Any, **keywords: Any) -> Any:
        """See `wenv.api.session.Session.call`."""
        return await self._in_thread(partial(self._open.call, function, *arguments, **keywords))

    async def reset(self) -> None:
        """See `wenv.api.session.Session.reset`."""
        await self._in_thread(self._open.reset)

    async def close(self) -> None:
        """End the sandbox and delete its private folders."""
        if self._session is not None:
            import asyncio

            session, self._session = self._session, None
            await asyncio.get_running_loop().run_in_executor(None, session.close)
        self._pool.shutdown(wait=False)

    @property
    def host_calls(self) -> "list[Call]":
        """See `wenv.api.session.Session.host_calls`."""
        return self._open.host_calls

    @property
    def _open(self) -> "Session":
        if self._session is None:
            from wenv.api.replies import ClosedSessionError

            raise ClosedSessionError("this session is not open", "async with opened.asession() as session")
        return self._session

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        import asyncio

        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if self._session is not None:
                self._session.cancel()
            future.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody else hears of it
            raise
