"""What a program of a pool does: it calls what it is sent, and sends back what that gives."""

from collections.abc import Callable
from typing import Any


def work(calls: Any, results: Any, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]) -> None:
    """Serve until nothing more is sent.  `calls` and `results` are connections of `multiprocessing`."""
    from concurrent.futures import _base, process
    from multiprocessing.reduction import ForkingPickler

    if initializer is not None:
        try:
            initializer(*initargs)
        except BaseException:
            _base.LOGGER.critical("Exception in initializer:", exc_info=True)
            return
    failed: Any = process._ExceptionWithTraceback
    answer: Any
    while True:
        try:
            number, pickled = calls.recv()
        except EOFError:
            return
        try:
            function, arguments, keywords = ForkingPickler.loads(pickled)
            answer = True, function(*arguments, **keywords)
        except BaseException as error:
            answer = False, failed(error, error.__traceback__)
        try:
            results.send((number, *answer))
        except Exception as error:  # a result that cannot be sent
            results.send((number, False, failed(error, error.__traceback__)))
        answer = None
