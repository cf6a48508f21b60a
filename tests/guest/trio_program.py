"""What trio does, and anyio with it and without: run in a sandbox by test_packages.py, which knows what it prints."""
# mypy: ignore-errors

import sys

import anyio
import trio

seen: list[int] = []


async def child(number: int) -> None:
    await trio.sleep(0.01 * number)
    seen.append(number)


async def produce(channel: "trio.MemorySendChannel[int]") -> None:
    async with channel:
        for number in range(3):
            await channel.send(number)


async def main() -> str:
    async with trio.open_nursery() as nursery:
        for number in (3, 1, 2):
            nursery.start_soon(child, number)
    with trio.move_on_after(0.05) as scope:
        await trio.sleep(10)
    send, receive = trio.open_memory_channel[int](1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce, send)
        print(seen, scope.cancelled_caught, [number async for number in receive])
    one, other = trio.socket.socketpair()
    await one.send(b"hello")
    print(await other.recv(10), await trio.to_thread.run_sync(lambda: 42), await trio.to_thread.run_sync(lambda: 43))
    code = "print(input() * 2)"
    done = await trio.run_process([sys.executable, "-c", code], stdin=b"ab\n", capture_stdout=True)
    print(done.stdout)
    with trio.move_on_after(0.2):
        await trio.run_process([sys.executable, "-c", "import time; time.sleep(60)"])
    return "done"


async def of_anyio() -> None:
    await anyio.sleep(0.01)
    print(
        await anyio.to_thread.run_sync(lambda: "thread"), (await anyio.run_process([sys.executable, "-c", "print(3)"])).stdout
    )


if __name__ == "__main__":
    print(trio.run(main))
    anyio.run(of_anyio, backend="trio")
    anyio.run(of_anyio)
