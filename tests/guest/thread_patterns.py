"""What programs do with threads, each by its name: ``thread_patterns.py NAME…``.  Prints a name when it has worked.

One file of more than 350 lines, as it is a list that runs as one program.
"""
# mypy: ignore-errors

import sys
import time

ALL = {}


def pattern(work):
    ALL[work.__name__] = work
    return work


def take_for_ever(jobs, out):
    """A consumer."""
    while True:
        out.append(jobs.get())
        jobs.task_done()


def raises(kind, work):
    try:
        work()
    except kind as error:
        return str(error)
    raise AssertionError(kind)


@pattern
def executor():
    from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, as_completed, wait

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda x: x * x, range(5))) == [0, 1, 4, 9, 16]
        futures = [pool.submit(pow, 2, exponent) for exponent in range(5)]
        assert sorted(future.result() for future in as_completed(futures)) == [1, 2, 4, 8, 16]
        assert wait([pool.submit(pow, 2, 3)], return_when=FIRST_COMPLETED).done
        failed = pool.submit(int, "x")
        assert isinstance(failed.exception(), ValueError)
        waits = pool.submit(time.sleep, 0.01)
        later = pool.submit(abs, -1)
        assert later.cancel()
        assert later.cancelled()
    assert waits.done()
    raises(RuntimeError, lambda: pool.submit(abs, 1))


@pattern
def executor_in_executor():
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(1)
    assert pool.submit(lambda: pool.submit(lambda: 5).result() + 1).result() == 6


@pattern
def executor_begins():
    from concurrent.futures import BrokenExecutor, ThreadPoolExecutor

    seen = []
    with ThreadPoolExecutor(2, initializer=seen.append, initargs=(1,)) as pool:
        assert pool.submit(lambda: list(seen)).result() == [1]
    with ThreadPoolExecutor(2, initializer=lambda: 1 / 0) as pool:
        raises(BrokenExecutor, lambda: pool.submit(abs, 1).result())


@pattern
def start_and_join():
    import threading

    out = []
    threads = [threading.Thread(target=out.append, args=(number,), name=f"n{number}") for number in range(3)]
    for thread in threads:
        assert not thread.is_alive()
        thread.start()
        assert thread.is_alive()
        assert thread.ident
    assert len({thread.ident for thread in threads}) == 3
    assert threading.active_count() == 4
    for thread in threads:
        thread.join()
        assert not thread.is_alive()
    assert out == [0, 1, 2]
    raises(RuntimeError, threads[0].start)
    raises(RuntimeError, threading.current_thread().join)


@pattern
def own_identity():
    import threading

    found = []
    thread = threading.Thread(target=lambda: found.append((threading.current_thread(), threading.get_ident())))
    thread.start()
    thread.join()
    assert found == [(thread, thread.ident)]
    assert threading.current_thread() is threading.main_thread()


@pattern
def consumer():
    import queue
    import threading

    jobs, out = queue.Queue(), []
    threading.Thread(target=take_for_ever, args=(jobs, out), daemon=True).start()
    for number in range(3):
        jobs.put(number)
    jobs.join()
    assert out == [0, 1, 2]


@pattern
def consumer_that_is_told_to_end():
    import queue
    import threading

    jobs, out = queue.SimpleQueue(), []
    thread = threading.Thread(target=lambda: out.extend(iter(jobs.get, None)))
    thread.start()
    for each in (1, 2, None):
        jobs.put(each)
    thread.join()
    assert out == [1, 2]


@pattern
def producer():
    import queue
    import threading

    for size in (0, 1):
        jobs, out = queue.Queue(size), []
        threading.Thread(target=lambda jobs=jobs: [jobs.put(each) for each in (1, 2, None)]).start()
        while (each := jobs.get()) is not None:
            out.append(each)
        assert out == [1, 2]


@pattern
def queues_say_when_nothing_comes():
    import queue

    begun = time.monotonic()
    raises(queue.Empty, lambda: queue.Queue().get(timeout=0.1))
    raises(queue.Empty, lambda: queue.SimpleQueue().get(timeout=0.1))
    full = queue.Queue(1)
    full.put(1)
    raises(queue.Full, lambda: full.put(2, timeout=0.1))
    raises(queue.Full, lambda: full.put_nowait(2))
    assert time.monotonic() - begun >= 0.3


@pattern
def events_conditions_barriers_semaphores():
    import threading

    event, condition, out = threading.Event(), threading.Condition(), []
    threading.Thread(target=lambda: (event.wait(), out.append(1)), daemon=True).start()
    event.set()
    time.sleep(0.01)
    assert out == [1]

    def told():
        with condition:
            out.append(2)
            condition.notify_all()

    threading.Thread(target=told).start()
    with condition:
        assert condition.wait_for(lambda: 2 in out, timeout=5)
    barrier, semaphore = threading.Barrier(2), threading.Semaphore(0)
    threads = [threading.Thread(target=barrier.wait) for _ in range(2)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    threading.Thread(target=semaphore.release).start()
    assert semaphore.acquire(timeout=5)
    begun = time.monotonic()
    assert not threading.Event().wait(0.2)
    assert time.monotonic() - begun >= 0.2


@pattern
def locks():
    import threading

    lock, recursive = threading.Lock(), threading.RLock()
    with lock:
        assert lock.locked()
        assert not lock.acquire(blocking=False)
        assert not lock.acquire(timeout=0.05)
    with recursive, recursive:
        thread = threading.Thread(target=lambda: out.append(recursive.acquire(timeout=0.05)))
        out = []
        thread.start()
        thread.join()
    assert out == [False]
    raises(RuntimeError, lock.release)


@pattern
def lock_that_its_submitter_holds():
    import threading
    from concurrent.futures import ThreadPoolExecutor

    lock, pool = threading.Lock(), ThreadPoolExecutor(1)

    def work():
        with lock:
            return 1

    with lock:
        future = pool.submit(work)
    assert future.result() == 1


@pattern
def timers():
    import threading

    out = []
    timer = threading.Timer(0.05, out.append, (1,))
    timer.start()
    timer.join()
    assert out == [1]
    late = threading.Timer(30, out.append, (2,))
    late.start()
    late.cancel()
    late.join()
    assert out == [1]


@pattern
def thread_pool():
    from multiprocessing import TimeoutError as PoolTimeout
    from multiprocessing.pool import ThreadPool

    with ThreadPool(3) as pool:
        assert pool.map(abs, [-1, 2]) == [1, 2]
        assert pool.starmap(pow, [(2, 3)]) == [8]
        assert pool.apply_async(abs, (-3,)).get() == 3
        assert sorted(pool.imap_unordered(abs, [-1])) == [1]
        raises(ValueError, lambda: pool.apply(int, ("x",)))
        told = []
        assert pool.map_async(abs, [-4], callback=told.append).get() == [4]
        assert told == [[4]]
        results = pool.imap(abs, iter([-5]))
        assert results.next(timeout=5) == 5
        raises(StopIteration, results.next)
    raises(ValueError, lambda: pool.apply(abs, (1,)))
    assert PoolTimeout


@pattern
def logging_queue():
    import logging.handlers
    import queue

    messages, got = queue.Queue(), []

    class Handler(logging.Handler):
        def emit(self, record):
            got.append(record.getMessage())

    listener = logging.handlers.QueueListener(messages, Handler())
    listener.start()
    logger = logging.getLogger("x")
    logger.addHandler(logging.handlers.QueueHandler(messages))
    logger.warning("hi")
    listener.stop()
    assert got == ["hi"]


@pattern
def asyncio_threads():
    import asyncio
    import threading

    assert asyncio.run(asyncio.to_thread(pow, 2, 3)) == 8
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    async def work():
        await asyncio.sleep(0.01)
        return 7

    assert asyncio.run_coroutine_threadsafe(work(), loop).result(5) == 7


@pattern
def errors_are_shown():
    import contextlib
    import io
    import threading

    with contextlib.redirect_stderr(io.StringIO()) as said:
        thread = threading.Thread(target=lambda: 1 / 0, name="breaks")
        thread.start()
        thread.join()
    assert "Exception in thread breaks" in said.getvalue()
    assert "ZeroDivisionError" in said.getvalue()


@pattern
def what_nobody_could_end_is_an_error():
    import queue
    import threading

    jobs, out = queue.Queue(), []
    threading.Thread(target=take_for_ever, args=(jobs, out), daemon=True).start()
    jobs.put(1)
    jobs.join()
    jobs.put(2)
    assert issubclass(threading.DeadlockError, RuntimeError)
    for wait in (jobs.join, threading.Event().wait, queue.Queue().get, threading.Barrier(2).wait):
        assert "to its end" in raises(threading.DeadlockError, wait)
    lock = threading.Lock()
    lock.acquire()
    raises(threading.DeadlockError, lock.acquire)
    assert out == [1]


@pattern
def a_thread_that_watches_for_ever_ends():
    import threading

    seen = []

    def watch(stop):
        while not stop.is_set():
            seen.append(1)
            stop.wait(0.05)

    stop = threading.Event()
    threading.Thread(target=watch, args=(stop,), daemon=True).start()
    time.sleep(0.3)
    stop.set()
    assert 3 <= len(seen) <= 8


@pattern
def waits_for_nothing():
    import asyncio
    import select
    import threading

    raises(threading.DeadlockError, lambda: select.poll().poll())
    raises(threading.DeadlockError, lambda: select.select([], [], []))
    begun = time.monotonic()
    assert select.poll().poll(50) == []
    assert select.select([], [], [], 0.05) == ([], [], [])
    assert time.monotonic() - begun >= 0.1

    async def never():
        await asyncio.Event().wait()

    raises(threading.DeadlockError, lambda: asyncio.run(never()))


@pattern
def a_server_in_a_thread_is_refused():
    import socketserver
    import threading

    thread = threading.Thread(target=socketserver.BaseServer(("127.0.0.1", 0), None).serve_forever)
    assert "would answer nobody" in raises(RuntimeError, thread.start)


@pattern
def waits_in_a_deep_nest():
    """More threads than may be on one stack, each of which waits for the next."""
    import select
    import threading

    out = []

    def work(left):
        if left:
            threading.Thread(target=work, args=(left - 1,)).start()
            raises(threading.DeadlockError, lambda: select.select([], [], []))
        out.append(left)

    work(60)
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread.join()
    assert sorted(out) == list(range(61))


@pattern
def executor_keeps_nothing_that_is_done():
    import gc
    import weakref
    from concurrent.futures import ThreadPoolExecutor

    class Result:
        pass

    pool = ThreadPoolExecutor(1)
    made = weakref.ref(pool.submit(Result).result())
    gc.collect()
    assert made() is None
    pool.shutdown()


@pattern
def tqdm():
    import io

    import tqdm as bars
    from tqdm.contrib.concurrent import thread_map

    assert sum(bars.tqdm(range(5), file=io.StringIO())) == 10
    assert thread_map(abs, [-1, -2], file=io.StringIO()) == [1, 2]


@pattern
def joblib():
    from joblib import Parallel, delayed

    for more in ({"backend": "threading"}, {}):
        assert Parallel(n_jobs=2, **more)(delayed(pow)(number, 2) for number in range(4)) == [0, 1, 4, 9]


@pattern
def apscheduler():
    from apscheduler.schedulers.background import BackgroundScheduler

    scheduler, out = BackgroundScheduler(timezone="UTC"), []
    scheduler.add_job(out.append, args=(1,))
    scheduler.start()
    time.sleep(0.3)
    scheduler.shutdown()
    assert out == [1]


@pattern
def requests_futures():
    import requests
    from requests_futures.sessions import FuturesSession

    class Adapter(requests.adapters.BaseAdapter):
        def send(self, request, **_):
            answer = requests.Response()
            answer.status_code, answer.url, answer.request = 200, request.url, request
            return answer

        def close(self):
            return

    session = FuturesSession()
    session.mount("http://", Adapter())
    assert session.get("http://x").result().status_code == 200


@pattern
def s3transfer():
    import io

    import boto3
    from botocore.stub import Stubber

    client = boto3.client("s3", region_name="x", aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(client) as stub:
        stub.add_response("put_object", {})
        client.upload_fileobj(io.BytesIO(b"abc"), "bucket", "key")
        stub.assert_no_pending_responses()


@pattern
def anyio_threads():
    import anyio
    import anyio.from_thread

    assert anyio.run(lambda: anyio.to_thread.run_sync(pow, 2, 3)) == 8
    with anyio.from_thread.start_blocking_portal() as portal:
        assert portal.call(anyio.sleep, 0.01) is None
        assert portal.start_task_soon(abs, -2).result() == 2
        raises(ZeroDivisionError, lambda: portal.call(lambda: 1 / 0))

        async def told(*, task_status):
            task_status.started(3)
            await anyio.sleep(0.01)
            return 4

        future, value = portal.start_task(told)
        assert (value, future.result()) == (3, 4)


@pattern
def starlette_client():
    from contextlib import asynccontextmanager

    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route, WebSocketRoute
    from starlette.testclient import TestClient

    seen = []

    @asynccontextmanager
    async def lifespan(app):
        seen.append("begun")
        yield
        seen.append("ended")

    async def talk(socket):
        await socket.accept()
        await socket.send_text((await socket.receive_text()).upper())
        await socket.close()

    routes = [Route("/", lambda request: PlainTextResponse("hi")), WebSocketRoute("/talk", talk)]
    with TestClient(Starlette(routes=routes, lifespan=lifespan)) as client:
        assert client.get("/").text == "hi"
        with client.websocket_connect("/talk") as socket:
            socket.send_text("abc")
            assert socket.receive_text() == "ABC"
    assert seen == ["begun", "ended"]


for name in sys.argv[1:]:
    ALL[name]()
    print(name, flush=True)
