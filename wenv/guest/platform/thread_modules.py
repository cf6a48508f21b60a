"""What the standard library's modules of threads do with `threads`: each is changed once it has been imported."""

import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from . import threads
from .thread_pool import pool_of
from .threads import DeadlockError, Handle, Lock, run_next, wait_idly
from .waits import deadline, is_past


def _threading(threading: Any) -> None:
    shutdown = threading._shutdown

    def _shutdown() -> None:
        threads.finish()
        shutdown()
        threads.finish()  # what an executor's end has started

    threading.DeadlockError = DeadlockError
    threading._start_joinable_thread, threading._ThreadHandle = threads.start_joinable_thread, Handle
    threading._allocate_lock = threading.Lock = Lock
    threading.get_ident = threads.get_ident
    threading._CRLock, threading._RLock = None, threading._PyRLock
    threading._PyRLock.__module__ = "_thread"  # as CPython's own, which trio asks for
    if hasattr(threading, "get_native_id"):
        threading.get_native_id = threads.get_ident
    threading._shutdown = _shutdown


def _queue(queue: Any) -> None:
    def put(self: Any, item: object, block: bool = True, timeout: float | None = None) -> None:
        """As `queue.Queue.put`; a bound is not kept where only those could take something out who wait for this."""
        until = deadline(timeout)
        is_there = lambda: self._qsize() < self.maxsize or is_past(until)  # noqa: E731
        with self.not_full:
            if self.is_shutdown:
                raise queue.ShutDown
            while self.maxsize > 0 and self._qsize() >= self.maxsize:
                if not block or is_past(until):
                    raise queue.Full
                if timeout is not None and timeout < 0:
                    raise ValueError("'timeout' must be a non-negative number")
                self.mutex.release()
                try:
                    ran = run_next(is_there)
                    if not ran and not threads.is_nested():
                        wait_idly(None if until is None else until - time.monotonic(), is_there, "a full queue")
                finally:
                    self.mutex.acquire()
                if not ran and threads.is_nested():
                    break
            if self.is_shutdown:
                raise queue.ShutDown
            self._put(item)
            self.unfinished_tasks += 1
            self.not_empty.notify()

    queue.Queue.put = put
    queue.SimpleQueue = queue._PySimpleQueue


def _executors(module: Any) -> None:
    """Work of an executor is a thread of its own: no worker waits for more."""

    def submit(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        if self._broken:
            raise module.BrokenThreadPool(self._broken)
        if self._shutdown:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if module._shutdown:
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")
        future = module._base.Future()
        handle = Handle()

        def work() -> None:
            try:
                _begun(self)
            except BaseException as error:
                future.set_exception(module.BrokenThreadPool(f"initializer failed: {error}"))
                return
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(fn(*args, **kwargs))
                except KeyboardInterrupt as error:
                    future.set_exception(error)
                    threads.interrupt_main()
                except BaseException as error:
                    future.set_exception(error)

        handle.work, handle.executor, handle.future = work, self, future
        threads.start(handle)
        return future

    def shutdown(self: Any, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._shutdown = True
        for handle in [handle for handle in threads.queued if handle.executor is self]:
            if cancel_futures:
                handle.future.cancel()
            if wait and handle in threads.queued:  # what ran before may have waited for it
                run_next(handle.is_done, wanted=handle)

    module.ThreadPoolExecutor.submit, module.ThreadPoolExecutor.shutdown = submit, shutdown


def _begun(executor: Any) -> None:
    """Call an executor's initializer, as the first of its threads would."""
    if "_is_begun" not in vars(executor):
        executor._is_begun = True
        executor._create_worker_context().initialize()


def _pools(module: Any) -> None:
    from ..processes.pool import pool_of as process_pool_of  # it is above this

    module.ThreadPool, module.Pool = pool_of(module), process_pool_of(module)


ADAPTED: dict[str, Callable[[ModuleType], None]] = {
    "threading": _threading,
    "queue": _queue,
    "concurrent.futures.thread": _executors,
    "multiprocessing.pool": _pools,
}


def install() -> None:
    """Put all of it in place, before what uses it is imported."""
    threads.install()
    for name, adapt in ADAPTED.items():
        if name in sys.modules:
            adapt(sys.modules[name])
