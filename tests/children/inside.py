"""What programs do with other programs, each thing by its name: run by CPython itself, and in a sandbox."""

import asyncio
import json
import multiprocessing
import operator
import os
import pickle
import select
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed, process, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

PYTHON = sys.executable
ECHO = "import sys; sys.stdout.write(sys.stdin.read().upper())"
THINGS: dict[str, Callable[[], object]] = {}


def thing(work: Callable[[], object]) -> Callable[[], object]:
    """Add one; its value or error is what is compared."""
    THINGS[work.__name__] = work
    return work


def python(code: str, *words: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    options = {"capture_output": True, "text": True, **options}
    return subprocess.run([PYTHON, "-c", code, *words], check=False, timeout=60, **options)


@thing
def output() -> object:
    done = python("import sys; print(sys.argv); print('e', file=sys.stderr); sys.exit(7)", "a b", "ü", "")
    return done.returncode, done.stdout, done.stderr


@thing
def input_text() -> object:
    return python(ECHO, input="grüße\n" * 3).stdout


@thing
def large_both_ways() -> object:
    data = os.urandom(1 << 20) * 3
    code = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
    return subprocess.run([PYTHON, "-c", code], input=data, stdout=subprocess.PIPE, check=True).stdout == data


@thing
def more_than_a_pipe_holds_and_nobody_reads_yet() -> object:
    started = subprocess.Popen([PYTHON, "-c", "print('x' * 1_000_000)"], stdout=subprocess.PIPE)
    assert started.stdout is not None
    first = started.stdout.read(1)
    return first, len(started.stdout.read()), started.wait()


@thing
def stderr_into_stdout() -> object:
    code = "import sys; print(1, flush=True); print(2, file=sys.stderr, flush=True); print(3)"
    return python(code, capture_output=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


@thing
def nothing_in_and_out() -> object:
    done = python(
        "import sys; print(repr(sys.stdin.read()), file=sys.stderr); print(1)",
        capture_output=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    return done.stdout, done.stderr


@thing
def files() -> object:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in"), Path(folder, "out")
        source.write_text("from a file\n")
        with source.open() as given, target.open("w") as taken:
            done = python(ECHO, capture_output=False, stdin=given, stdout=taken)
        return done.returncode, target.read_text()


@thing
def folder_and_variables() -> object:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "module.py").write_text("import os; print(os.getcwd() == os.environ['WANTED'], sorted(os.environ)[:1])")
        given = {"WANTED": os.path.realpath(folder), "A": "1"}
        done = subprocess.run([PYTHON, "-m", "module"], cwd=folder, env=given, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout


@thing
def a_folder_that_is_not_there() -> object:
    return python("pass", cwd="/nowhere")


@thing
def a_script_and_what_it_leaves() -> object:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "script.py").write_text("open('left', 'w').write('by a script'); raise SystemExit('ended')")
        done = subprocess.run([PYTHON, "script.py"], cwd=folder, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr, Path(folder, "left").read_text()


@thing
def standard_input_is_a_program() -> object:
    return subprocess.run([PYTHON], input="print(6 * 7)", capture_output=True, text=True, check=True).stdout


@thing
def an_error() -> object:
    done = python("1 / 0")
    return done.returncode, done.stderr.splitlines()[0], done.stderr.splitlines()[-1]


@thing
def ends_at_once() -> object:
    return python("import os; os._exit(9)").returncode


@thing
def checked() -> object:
    return subprocess.check_output([PYTHON, "-c", "raise SystemExit(3)"])


@thing
def time_is_up() -> object:
    return subprocess.run([PYTHON, "-c", "import time; time.sleep(60)"], timeout=0.3, check=False)


@thing
def polled_and_ended() -> object:
    started = subprocess.Popen([PYTHON, "-c", "import time; time.sleep(60)"])
    before = started.poll()
    started.terminate()
    return before, started.wait(), started.poll()


@thing
def killed() -> object:
    started = subprocess.Popen([PYTHON, "-c", "while True: pass"])
    os.kill(started.pid, 0)
    started.kill()
    return started.wait()


@thing
def not_my_child() -> object:
    return os.waitpid(123456, 0)


@thing
def waited_for_any() -> object:
    started = [subprocess.Popen([PYTHON, "-c", f"raise SystemExit({number})"]) for number in (4, 5)]
    ended = {os.waitpid(-1, 0) for _ in started}
    for each in started:
        each.returncode = 0
    return sorted(os.waitstatus_to_exitcode(status) for _, status in ended), len({number for number, _ in ended})


@thing
def one_into_the_other() -> object:
    first = subprocess.Popen([PYTHON, "-c", "print('through two')"], stdout=subprocess.PIPE)
    second = subprocess.Popen([PYTHON, "-c", ECHO], stdin=first.stdout, stdout=subprocess.PIPE)
    assert first.stdout is not None
    first.stdout.close()
    return second.communicate()[0], first.wait(), second.returncode


@thing
def spoken_with() -> object:
    code = "import sys\nfor line in sys.stdin: print(line[::-1].strip(), flush=True)"
    with subprocess.Popen([PYTHON, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as started:
        assert started.stdin is not None
        assert started.stdout is not None
        said = []
        for word in ("one", "two"):
            started.stdin.write(word + "\n")
            said.append(started.stdout.readline())
        started.stdin.close()
    return said, started.returncode


@thing
def nobody_reads() -> object:
    started = subprocess.Popen([PYTHON, "-c", "pass"], stdin=subprocess.PIPE)
    started.wait()
    assert started.stdin is not None
    started.stdin.write(b"x" * 100_000)
    started.stdin.flush()
    return "written"


@thing
def selected() -> object:
    started = subprocess.Popen([PYTHON, "-c", "import time; time.sleep(.2); print(1)"], stdout=subprocess.PIPE)
    assert started.stdout is not None
    before = select.select([started.stdout], [], [], 0)[0]
    ready = select.select([started.stdout], [], [], 30)[0]
    with selectors.DefaultSelector() as selector:
        selector.register(started.stdout, selectors.EVENT_READ, "mine")
        found = [(key.data, mask) for key, mask in selector.select(30)]
    return before, ready == [started.stdout], found, started.communicate()[0]


@thing
def a_pipe_of_ones_own() -> object:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with suppress(BlockingIOError):
        os.read(reader, 1)
    os.write(writer, b"hello")
    got = os.read(reader, 3), os.read(reader, 99)
    with os.fdopen(writer, "w") as file:
        print("text", file=file)
    with os.fdopen(reader) as file:
        return got, file.read()


@thing
def a_pipe_that_is_given_on() -> object:
    reader, writer = os.pipe()
    os.write(writer, b"before ")
    with subprocess.Popen([PYTHON, "-c", f"import os; os.write({writer}, b'from it')"], pass_fds=(writer,)):
        os.close(writer)
    return os.read(reader, 99) + os.read(reader, 99)


@thing
def a_closed_pipe() -> object:
    reader, writer = os.pipe()
    os.close(reader)
    return os.write(writer, b"x")


@thing
def grandchildren() -> object:
    inner = f"import subprocess, sys; print(subprocess.check_output([sys.executable, '-c', 'print({1})']).decode().strip() * 2)"
    return python(inner).stdout


@thing
def interrupted() -> object:
    code = "import time\ntry:\n    print(flush=True)\n    while True: time.sleep(.01)\nexcept KeyboardInterrupt: print('heard')"
    started = subprocess.Popen([PYTHON, "-c", code], stdout=subprocess.PIPE)
    assert started.stdout is not None
    started.stdout.readline()
    started.send_signal(signal.SIGINT)
    return started.communicate(timeout=30)[0]


@thing
def loops() -> object:
    async def main() -> object:
        pipes: Any = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
        one = await asyncio.create_subprocess_exec(PYTHON, "-c", ECHO, **pipes)
        said = (await one.communicate(b"loop"))[0], one.returncode
        two = await asyncio.create_subprocess_exec(PYTHON, "-uc", "for i in range(3): print(i)", stdout=asyncio.subprocess.PIPE)
        assert two.stdout is not None
        lines = [line async for line in two.stdout]
        three = await asyncio.create_subprocess_exec(PYTHON, "-c", "import time; time.sleep(60)")
        with suppress(TimeoutError):
            await asyncio.wait_for(three.wait(), 0.2)
        three.kill()
        return said, lines, await two.wait(), await three.wait()

    return asyncio.run(main())


@thing
def pool() -> object:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as executor:
        squares = list(executor.map(pow, range(20), [2] * 20, chunksize=3))
        failed: Any = executor.submit(operator.truediv, 1, 0).exception()
        slow: Any = executor.submit(time.sleep, 0.5)
        quick: Any = executor.submit(abs, -1)
        first = next(as_completed([slow, quick])) is quick
        large = len(executor.submit(bytes, 3_000_000).result())
        others = {executor.submit(os.getpid).result() for _ in range(4)}
        unsent = type(executor.submit(lambda: 1).exception()).__name__ in ("PicklingError", "AttributeError")
        done = wait([slow, quick]).not_done
    return squares, repr(failed), type(failed.__cause__).__name__, first, large, os.getpid() in others, unsent, done


@thing
def a_pool_that_breaks() -> object:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        error = executor.submit(os._exit, 3).exception()
        with suppress(process.BrokenProcessPool):
            executor.submit(abs, 1)
            return "not broken"
    return type(error).__name__


@thing
def pools_of_multiprocessing() -> object:
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as made:
        later = made.apply_async(pow, (2, 10))
        found = made.map(abs, [-1, -2, 3]), made.starmap(pow, [(2, 3), (3, 2)]), list(made.imap(abs, [-5, 6]))
        return found, sorted(made.imap_unordered(abs, [-7, 8])), later.get(), made.map_async(abs, []).get()


@thing
def processes_and_what_they_share() -> object:
    context = multiprocessing.get_context("spawn")
    queue, lock, (one, other) = context.SimpleQueue(), context.Lock(), context.Pipe()
    with lock:
        started = context.Process(target=operator.methodcaller("put", ("sent", 1)), args=(queue,))
        started.start()
        got = queue.get()
    started.join()
    one.send({"a": [1, 2]})
    semaphore = context.Semaphore(2)
    taken = semaphore.acquire(), semaphore.acquire(), semaphore.acquire(block=False)
    return got, started.exitcode, started.is_alive(), other.recv(), taken, pickle.dumps(got) == pickle.dumps(("sent", 1))


def outcome(work: Callable[[], object]) -> str:
    try:
        return repr(work())
    except BaseException as error:
        words = "" if isinstance(error, OSError) else str(error).replace(PYTHON, "python")
        return f"{type(error).__name__}: {words[:60]}"


def main(names: list[str]) -> None:
    for name, work in THINGS.items():
        if not names or name in names:
            print(json.dumps([name, outcome(work)]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
