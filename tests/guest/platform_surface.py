"""Asks for what this platform lacks, and prints what came of it: an answer, or an error that programs are prepared for."""
# mypy: ignore-errors

import asyncio
import json
import locale
import os
import shutil
import signal
import time

found = {}


def case(function):
    """Remember what a case returns, or what it raised."""
    try:
        found[function.__name__] = repr(function())
    except Exception as error:
        found[function.__name__] = type(error).__name__


@case
def terminal_size():
    return os.get_terminal_size()


@case
def terminal_size_or_default():
    return shutil.get_terminal_size((7, 9)).columns


@case
def disk_usage():
    return shutil.disk_usage(".")


@case
def file_system():
    return os.statvfs(".")


@case
def parent():
    return os.getppid() > 0


@case
def timer():
    return signal.setitimer(signal.ITIMER_REAL, 1)


@case
def no_timer():
    return signal.setitimer(signal.ITIMER_REAL, 0), signal.alarm(0), signal.getitimer(signal.ITIMER_REAL)


@case
def signals():
    heard = []
    signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), 0)
    return heard == [signal.SIGTERM], signal.SIGTERM in signal.valid_signals()


@case
def another_process():
    return os.kill(4242, 0)


@case
def work_is_not_sleep():
    begun, thread = time.process_time(), time.thread_time_ns()
    time.sleep(0.5)
    slept = time.process_time() - begun, (time.thread_time_ns() - thread) / 1e9
    while time.process_time() - begun < 0.05:
        pass
    return [seconds < 0.4 for seconds in slept]


@case
def locales():
    said = []
    for name in ("C", "", "C.UTF-8", "xx_YY", "de_DE.UTF-8", ("tlh", "UTF-8")):
        try:
            said.append(bool(locale.setlocale(locale.LC_ALL, name)))
        except locale.Error:
            said.append("refused")
    return said, bool(locale.setlocale(locale.LC_ALL))


@case
def signal_handlers_of_a_loop():
    async def main():
        try:
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, print)
        except NotImplementedError:
            return "not implemented"

    return asyncio.run(main())


@case
def linked_lists():
    class Node:
        def __init__(self, following):
            self.following = following

    for count in (1_000, 100_000):
        last = None
        for _ in range(count):
            last = Node(last)
        del last
    return "dropped"


@case
def recursion_in_c():
    from functools import partial

    def call(items, *, keyword=1):
        again = partial(call, keyword=1)
        for item in items:
            again(item)

    items = []
    items.append(items)
    call(items)


@case
def deep_json():
    return json.loads("[" * 200_000)


@case
def deep_text():
    nested = ()
    for _ in range(200_000):
        nested = (nested,)
    return repr(nested)


print(json.dumps(found, indent=1))
