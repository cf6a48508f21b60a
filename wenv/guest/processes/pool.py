"""`ProcessPoolExecutor` and `multiprocessing.Pool`: programs that are sent calls, and looked after by whoever waits.

CPython looks after them in threads.  Here a result is taken in while somebody waits for one; a program has its next call by
then, so that it goes on meanwhile.
"""

import itertools
import signal
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..platform import threads
from ..platform.thread_pool import pool_of as thread_pool_of
from . import children, ends, pipes, waiting, worker

#: The length of a message between them, as `multiprocessing.connection` writes it, and of one of 2 GiB and more.
LENGTH, LARGER = struct.Struct("!i"), struct.Struct("!Q")
#: Calls that a program has besides the one that it works on.
AHEAD = 1
#: Seconds between two looks whether what somebody below waits for is there.
TURN = 0.05
ENDED = "A process in the process pool was terminated abruptly while the future was running or pending."


class Worker:
    """One program of a pool; `calls` are those that it was sent and has not answered."""

    def __init__(self, context: Any, initializer: Any, initargs: Any) -> None:
        reader, self.writer = context.Pipe(False)
        self.reader, writer = context.Pipe(False)
        self.process = context.Process(target=worker.work, args=(reader, writer, initializer, initargs))
        self.process.start()
        reader.close()
        writer.close()
        for connection in (self.reader, self.writer):
            pipes.set_blocking(connection.fileno(), False)
        self.calls: dict[int, Any] = {}
        self.sent = 0
        self._unsent, self._received = bytearray(), bytearray()

    @property
    def wanted(self) -> list[tuple[int, str]]:
        """The ends that are to be looked at."""
        return [(self.reader.fileno(), "r"), *([(self.writer.fileno(), "w")] if self._unsent else [])]

    def send(self, message: bytes) -> None:
        """Send a message as soon as it can be."""
        small = len(message) < 1 << 31
        self._unsent += (LENGTH.pack(len(message)) if small else LENGTH.pack(-1) + LARGER.pack(len(message))) + message
        self.push()

    def push(self) -> None:
        """Send what can be sent now."""
        try:
            while self._unsent:
                del self._unsent[: pipes.write(self.writer.fileno(), bytes(self._unsent[: ends.CHUNK]))]
        except BlockingIOError:
            pass
        except OSError:  # it has ended: what it said last is still to be read
            self._unsent.clear()

    def messages(self) -> Iterator[bytes]:
        """The messages that have come.  Raises EOFError when it has ended."""
        ended = False
        try:
            while data := pipes.read(self.reader.fileno(), ends.CHUNK):
                self._received += data
            ended = True
        except BlockingIOError:
            pass
        while len(self._received) >= LENGTH.size:
            start, (size,) = LENGTH.size, LENGTH.unpack_from(self._received)
            if size == -1:
                if len(self._received) < start + LARGER.size:
                    break
                (size,), start = LARGER.unpack_from(self._received, start), start + LARGER.size
            if len(self._received) < start + size:
                break
            message = bytes(self._received[start : start + size])
            del self._received[: start + size]
            yield message
        if ended:
            raise EOFError

    def close(self) -> None:
        """Let it end, and wait for that."""
        self.writer.close()
        self.process.join()
        self.reader.close()


def executor_of(module: Any) -> type:
    """The class, as a subclass of CPython's own, whose `map` it has."""

    class ProcessPoolExecutor(module.ProcessPoolExecutor):  # type: ignore[misc]
        def __init__(
            self,
            max_workers: int | None = None,
            mp_context: Any = None,
            initializer: Callable[..., object] | None = None,
            initargs: tuple[Any, ...] = (),
            *,
            max_tasks_per_child: int | None = None,
        ) -> None:
            processors, most = children.processors()
            if max_workers is not None and max_workers <= 0:
                raise ValueError("max_workers must be greater than 0")
            if initializer is not None and not callable(initializer):
                raise TypeError("initializer must be a callable")
            if max_tasks_per_child is not None and not isinstance(max_tasks_per_child, int):
                raise TypeError("max_tasks_per_child must be an integer")
            if max_tasks_per_child is not None and max_tasks_per_child <= 0:
                raise ValueError("max_tasks_per_child must be >= 1")
            if not most:
                raise NotImplementedError("no process can be started here")
            self._max_workers = min(max_workers or processors, most)
            self._mp_context = mp_context or module.mp.get_context()
            self._initializer, self._initargs, self._max_tasks = initializer, initargs, max_tasks_per_child
            self._workers: list[Worker] = []
            self._pending: list[tuple[Any, bytes]] = []
            self._numbers = itertools.count()
            self._broken: str | bool = False
            self._shutdown_thread = False

        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            if self._broken:
                raise module.BrokenProcessPool(self._broken)
            if self._shutdown_thread:
                raise RuntimeError("cannot schedule new futures after shutdown")
            future = module._base.Future()
            try:
                call = bytes(module.mp.reduction.ForkingPickler.dumps((fn, args, kwargs)))
            except Exception as error:
                future.set_exception(error)
                return future
            self._pending.append((future, call))
            self._assign()
            self._look_after(future)
            return future

        def _look_after(self, future: Any) -> None:
            """Have whoever waits take results in until a future is done."""
            handle = threads.Handle()
            handle.future, handle.executor = future, self

            def work() -> None:
                while not future.done():
                    self._take(TURN if threads.is_nested() else None)
                    if not future.done() and handle.is_there_below():
                        self._look_after(future)
                        return

            handle.work = work
            threads.start(handle)

        def _assign(self) -> None:
            """Send calls to programs that have few, and start programs while there are more calls than programs."""
            while self._pending and not self._broken:
                future, call = self._pending[0]
                free = [each for each in self._workers if self._max_tasks is None or each.sent < self._max_tasks]
                best = min(free, key=lambda each: len(each.calls), default=None)
                if (best is None or best.calls) and len(self._workers) < self._max_workers:
                    best = self._started()
                if best is None or len(best.calls) > AHEAD:
                    return
                del self._pending[0]
                if future.set_running_or_notify_cancel():
                    number = next(self._numbers)
                    best.calls[number], best.sent = future, best.sent + 1
                    best.send(bytes(module.mp.reduction.ForkingPickler.dumps((number, call))))

        def _started(self) -> Worker | None:
            try:
                made = Worker(self._mp_context, self._initializer, self._initargs)
            except BlockingIOError:  # as many programs are alive as may be
                if self._workers:
                    self._max_workers = len(self._workers)
                    return None
                raise
            self._workers.append(made)
            return made

        def _take(self, seconds: float | None) -> None:
            """Wait for the programs, and take in what they send."""
            wanted = [each for one in self._workers for each in one.wanted]
            if not wanted:
                self._assign()
                return
            waiting.wait(wanted, 0, seconds, alone=True)
            for one in list(self._workers):
                one.push()
                try:
                    for message in one.messages():
                        try:
                            number, is_result, value = module.mp.reduction.ForkingPickler.loads(message)
                        except Exception:  # what cannot be read of a result
                            raise EOFError from None
                        future = one.calls.pop(number)
                        future.set_result(value) if is_result else future.set_exception(value)
                except EOFError:
                    self._break(one)
                    return
                if self._max_tasks is not None and one.sent >= self._max_tasks and not one.calls:
                    self._workers.remove(one)
                    one.close()
            self._assign()
            if self._shutdown_thread and not self._pending:
                self._close()

        def _close(self) -> None:
            """Let programs end that have nothing to do and will get nothing."""
            for one in [one for one in self._workers if not one.calls]:
                self._workers.remove(one)
                one.close()

        def _break(self, ended: Worker) -> None:
            self._broken = ENDED
            futures = [future for one in self._workers for future in one.calls.values()]
            futures += [future for future, _ in self._pending if future.set_running_or_notify_cancel()]
            for one in self._workers:
                one.calls.clear()
                one.process.terminate()
                one.close()
            self._workers.clear()
            self._pending.clear()
            for future in futures:
                future.set_exception(module.BrokenProcessPool(ENDED))

        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            self._shutdown_thread = True
            if cancel_futures:
                for future, _ in self._pending:
                    future.cancel()
                self._pending.clear()
            while wait and any(one.calls for one in self._workers):
                self._take(None)
            if not self._pending:
                self._close()

        def _force_shutdown(self, operation: str) -> None:
            self.shutdown(wait=False, cancel_futures=True)
            for one in self._workers:
                one.process._popen._send_signal(signal.SIGTERM if operation == "terminate" else signal.SIGKILL)

    ProcessPoolExecutor.__module__, ProcessPoolExecutor.__qualname__ = module.__name__, "ProcessPoolExecutor"
    return ProcessPoolExecutor


def pool_of(module: Any) -> type:
    """`multiprocessing.pool.Pool` over the executor."""
    plain = thread_pool_of(module)

    class Results(module.MapResult):  # type: ignore[misc]
        """Of several calls, each of which gives a list."""

        def __init__(self, futures: list[Any], callback: Any, error_callback: Any) -> None:
            self._futures, self._called = futures, (callback, error_callback)
            self._left = len(futures)
            if not futures:
                self._done(None)
            for future in futures:
                future.add_done_callback(self._one)

        def _one(self, future: Any) -> None:
            self._left -= 1
            if not self._left:
                self._done(future)

        def _done(self, _: Any) -> None:
            error = next((future.exception() for future in self._futures if future.exception() is not None), None)
            called = self._called[error is not None]
            if called is not None:
                called(self._values() if error is None else error)

        def _values(self) -> list[Any]:
            return [value for future in self._futures for value in future.result()]

        def ready(self) -> bool:
            return not self._left

        def successful(self) -> bool:
            if not self.ready():
                raise ValueError(f"{self!r} not ready")
            return all(future.exception() is None for future in self._futures)

        def wait(self, timeout: float | None = None) -> None:
            from concurrent.futures import wait

            wait(self._futures, timeout)

        def get(self, timeout: float | None = None) -> Any:
            self.wait(timeout)
            if not self.ready():
                raise module.TimeoutError
            return self._values()

    class Pool(plain):  # type: ignore[misc,valid-type]
        def __init__(
            self,
            processes: int | None = None,
            initializer: Callable[..., object] | None = None,
            initargs: tuple[Any, ...] = (),
            maxtasksperchild: int | None = None,
            context: Any = None,
        ) -> None:
            from concurrent.futures import ProcessPoolExecutor

            if processes is not None and processes < 1:
                raise ValueError("Number of processes must be at least 1")
            if maxtasksperchild is not None and (not isinstance(maxtasksperchild, int) or maxtasksperchild <= 0):
                raise ValueError("maxtasksperchild must be a positive int or None")
            executor: Any = ProcessPoolExecutor(processes, context, initializer, initargs, max_tasks_per_child=maxtasksperchild)
            self._executor, self._processes = executor, executor._max_workers

        def _in_chunks(self, function: Any, call: Any, given: Iterable[Any], size: int | None, *callbacks: Any) -> Results:
            items = list(given)
            size = size or max(1, -(-len(items) // (4 * self._processes)))
            chunks = [items[start : start + size] for start in range(0, len(items), size)]
            return Results([self._submitted(function, (call, chunk)) for chunk in chunks], *callbacks)

        def map_async(
            self, func: Any, iterable: Iterable[Any], chunksize: int | None = None, callback: Any = None,
            error_callback: Any = None,
        ) -> Any:  # fmt: skip
            return self._in_chunks(module.mapstar, func, iterable, chunksize, callback, error_callback)

        def starmap_async(
            self, func: Any, iterable: Iterable[Any], chunksize: int | None = None, callback: Any = None,
            error_callback: Any = None,
        ) -> Any:  # fmt: skip
            return self._in_chunks(module.starmapstar, func, iterable, chunksize, callback, error_callback)

        def map(self, func: Any, iterable: Iterable[Any], chunksize: int | None = None) -> Any:
            return self.map_async(func, iterable, chunksize).get()

        def starmap(self, func: Any, iterable: Iterable[Any], chunksize: int | None = None) -> Any:
            return self.starmap_async(func, iterable, chunksize).get()

        def imap_unordered(self, func: Any, iterable: Iterable[Any], chunksize: int = 1) -> Iterator[Any]:
            from concurrent.futures import as_completed

            futures = [self._submitted(func, each) for each in iterable]
            return (future.result() for future in as_completed(futures))

        def terminate(self) -> None:
            self._executor.kill_workers()

    Pool.__module__, Pool.__qualname__ = module.__name__, "Pool"
    return Pool
