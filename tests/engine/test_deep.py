"""Threads with deep stacks, in which guests are called."""

import os
import threading
import time

import pytest

from wenv.engine import deep
from wenv.engine.deep import deeply, is_calling, start_deeply


def test_one_thread_makes_one_call_after_the_other() -> None:
    first, second = deeply(threading.get_ident), deeply(threading.get_ident)
    assert first == second != threading.get_ident()
    assert deeply(lambda: deeply(threading.get_ident)) == first
    assert not is_calling()


def test_calls_at_once_have_threads_of_their_own() -> None:
    both = threading.Barrier(2)
    calls = [start_deeply(lambda: (both.wait(60), threading.get_ident())[1]) for _ in range(2)]
    assert all(call.wait(60) for call in calls)
    assert len({call.result() for call in calls}) == 2


def test_what_a_call_raises_is_raised_and_its_thread_goes_on() -> None:
    with pytest.raises(ZeroDivisionError):
        deeply(lambda: 1 // 0)
    assert deeply(lambda: 1) == 1


def test_a_call_that_takes_too_long_is_left_behind() -> None:
    end = threading.Event()
    call = start_deeply(lambda: end.wait(60))
    assert not call.wait(0.01)
    assert is_calling()
    end.set()
    assert call.wait(60)
    assert call.result()
    assert not is_calling()


def test_a_thread_without_calls_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deep, "IDLE", 0.01)
    worker = deep._Worker()
    deadline = time.monotonic() + 60
    deep._idle.append(worker)
    while worker in deep._workers and time.monotonic() < deadline:
        time.sleep(0.001)
    assert worker not in deep._workers
    assert worker not in deep._idle


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_process_starts_a_thread_of_its_own() -> None:
    deeply(threading.get_ident)
    child = os.fork()
    if not child:
        os._exit(0 if deeply(lambda: 7) == 7 else 1)
    assert os.waitpid(child, 0)[1] == 0
