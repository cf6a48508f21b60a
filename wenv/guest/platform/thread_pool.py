"""`multiprocessing.pool.ThreadPool` on a platform without threads: over an executor, whose work runs when it is waited for."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self


def pool_of(module: Any) -> type:
    """The class, with the results and errors of `multiprocessing`."""

    class Result(module.ApplyResult):  # type: ignore[misc]
        def __init__(self, future: Any, callback: Any, error_callback: Any) -> None:
            self._future = future

            def done(future: Any) -> None:
                error = future.exception()
                called = callback if error is None else error_callback
                if called is not None:
                    called(future.result() if error is None else error)

            future.add_done_callback(done)

        def ready(self) -> bool:
            return bool(self._future.done())

        def successful(self) -> bool:
            if not self.ready():
                raise ValueError(f"{self!r} not ready")
            return self._future.exception() is None

        def wait(self, timeout: float | None = None) -> None:
            from concurrent.futures import wait

            wait([self._future], timeout)

        def get(self, timeout: float | None = None) -> Any:
            self.wait(timeout)
            if not self.ready():
                raise module.TimeoutError
            return self._future.result()

    class ThreadPool:
        """See the module."""

        _result = Result

        def __init__(
            self, processes: int | None = None, initializer: Callable[..., object] | None = None, initargs: tuple[Any, ...] = ()
        ) -> None:
            from concurrent.futures import ThreadPoolExecutor

            if processes is not None and processes < 1:
                raise ValueError("Number of processes must be at least 1")
            if initializer is not None and not callable(initializer):
                raise TypeError("initializer must be a callable")
            self._processes = processes or 1
            self._executor = ThreadPoolExecutor(self._processes, "", initializer or (lambda *_: None), initargs)

        def _submitted(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
            try:
                return self._executor.submit(function, *arguments, **keywords)
            except RuntimeError:
                raise ValueError("Pool not running") from None

        def apply_async(
            self,
            func: Any,
            args: Any = (),
            kwds: Any = None,
            callback: Any = None,
            error_callback: Any = None,
        ) -> Any:
            return Result(self._submitted(func, *args, **(kwds or {})), callback, error_callback)

        def apply(self, func: Any, args: Any = (), kwds: Any = None) -> Any:
            return self.apply_async(func, args, kwds).get()

        def map_async(
            self, func: Any, iterable: Iterable[Any], chunksize: int | None = None, callback: Any = None,
            error_callback: Any = None,
        ) -> Any:  # fmt: skip
            return self.apply_async(lambda: list(map(func, iterable)), (), {}, callback, error_callback)

        def map(self, func: Any, iterable: Iterable[Any], chunksize: int | None = None) -> Any:
            return self.map_async(func, iterable).get()

        def starmap_async(
            self, func: Any, iterable: Iterable[Any], chunksize: int | None = None, callback: Any = None,
            error_callback: Any = None,
        ) -> Any:  # fmt: skip
            return self.map_async(lambda given: func(*given), iterable, chunksize, callback, error_callback)

        def starmap(self, func: Any, iterable: Iterable[Any], chunksize: int | None = None) -> Any:
            return self.starmap_async(func, iterable).get()

        def imap(self, func: Any, iterable: Iterable[Any], chunksize: int = 1) -> Iterator[Any]:
            return IMap([self.apply_async(func, (each,)) for each in iterable])

        imap_unordered = imap

        def close(self) -> None:
            self._executor.shutdown(wait=False)

        def terminate(self) -> None:
            self._executor.shutdown(wait=False, cancel_futures=True)

        def join(self) -> None:
            self._executor.shutdown()

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            self.terminate()

    class IMap:
        """The results, in order; `next` takes a timeout."""

        def __init__(self, results: list[Any]) -> None:
            self._results = results

        def __iter__(self) -> Self:
            return self

        def __next__(self, timeout: float | None = None) -> Any:
            if not self._results:
                raise StopIteration
            self._results[0].wait(timeout)
            if not self._results[0].ready():
                raise module.TimeoutError
            return self._results.pop(0).get()

    setattr(IMap, "next", IMap.__next__)  # noqa: B010 - as its users call it, and a builtin's name
    return ThreadPool
