"""The process of one started program: it runs what the keeper tells, and passes the program's own orders on to it."""

import _thread
import json
import os
import socket
from contextlib import suppress
from typing import Any

from wenv.launcher import traps
from wenv.launcher.c_api import CHILD_ORDER, REFUSED, ComponentMachine, Exited, Machine, Trap, UnusableError
from wenv.launcher.children import EVENT, Children, receive, send
from wenv.launcher.limits import Bounds, limit_process
from wenv.launcher.request import encoded
from wenv.launcher.stacks import start_deep
from wenv.launcher.start import NOT_STARTED, WAKE


def main(number: int) -> None:
    """Run a program, and end the process with its status."""
    way = socket.socket(fileno=number)
    way.set_inheritable(False)
    message = receive(way)
    if message is None:
        os._exit(traps.TRAPPED)
    order = json.loads(message)
    try:
        status = _run(order, way)
    except UnusableError as error:
        os.write(2, f"error: the program cannot be started: {error}\n".encode("utf-8", "replace"))
        status = NOT_STARTED
    os._exit(status)


def _run(order: dict[str, Any], way: socket.socket) -> int:
    """The exit status of the program.  Raises UnusableError."""
    children = Children.at(way)
    broker = None if order["network"] is None else _broker(order["network"], order["exchange"], way)

    def answer(asked: bytes) -> bytes:
        if asked.startswith(CHILD_ORDER):
            return children.ask(asked)
        return REFUSED if broker is None else broker.ask(asked)

    compiled, image = order["executable"]
    machine: Machine
    if image:
        from wenv.launcher.module import ModuleMachine

        machine = ModuleMachine(order["library"], compiled, image, answer)
        if broker is not None:
            broker.takes_bytes = True
    else:
        machine = ComponentMachine(order["library"], compiled, answer)
    guest = machine.prepared([(host, inside, writable) for host, inside, writable in order["preopens"]], order["memory"])
    limit_process(Bounds(order["bounds"]), writes_elsewhere=order["writes"])
    ended = _thread.allocate_lock()
    ended.acquire()
    outcome: list[int | BaseException] = []

    def work() -> None:
        try:
            outcome.append(guest.main(encoded(order["request"])))
        except BaseException as error:
            outcome.append(error)
        finally:
            ended.release()

    start_deep(lambda: _thread.start_new_thread(work, ()))
    while not ended.acquire(timeout=WAKE):
        if os.getppid() != order["keeper"]:
            os._exit(traps.TRAPPED)
    if broker is not None:
        broker.close()
        for words in broker.record.refusals:
            _tell(way, {"refusal": words})
    return _status(outcome[0], order)


def _status(result: "int | BaseException", order: dict[str, Any]) -> int:
    if isinstance(result, Exited):
        return result.status
    if isinstance(result, Trap):
        with suppress(OSError):
            if os.stat(os.path.join(order["exchange"], "exit-status"), follow_symlinks=False).st_size:
                return traps.TRAPPED  # it ended by os._exit: the keeper knows the status
        os.write(2, f"error: {traps.explain_trap(str(result), order['memory'])}\n".encode("utf-8", "replace"))
        return traps.TRAPPED
    if isinstance(result, BaseException):
        raise SystemError("the guest could not be called") from result
    return result


def _broker(network: dict[str, Any], exchange: str, way: socket.socket) -> Any:
    """What answers the program's orders of the network."""
    from wenv.network.broker import broker_of  # late: most programs have no network

    return broker_of({**network, "lane": exchange}, lambda event: _tell(way, event))


def _tell(way: socket.socket, event: dict[str, Any]) -> None:
    with suppress(OSError):
        send(way, EVENT + json.dumps(event).encode())
