"""Connections of `_ssl`: TLS on a socket, and between buffers."""

from typing import Any, NoReturn

from ..platform import waits
from . import door
from .door import ask_network
from .tls_errors import error_of

NO_CALLBACK = "TLS is done by the host, which calls nothing in the sandbox"


class TLS:
    """What both kinds of connections are; facts come with the end of the handshake."""

    session, session_reused = None, False

    def __init__(self, context: Any, server_side: bool, server_hostname: str | None, owner: Any) -> None:
        self.context, self.server_side, self.server_hostname, self.owner = context, server_side, server_hostname, owner
        self._facts: dict[str, Any] = {}
        self._certificate: tuple[Any, bytes] | None = None
        self._number = 0

    def cipher(self) -> Any:
        found = self._facts.get("cipher")
        return tuple(found) if found else None

    def shared_ciphers(self) -> Any:
        found = self._facts.get("shared_ciphers")
        return [tuple(each) for each in found] if found else None

    def version(self) -> Any:
        return self._facts.get("version")

    def selected_alpn_protocol(self) -> Any:
        return self._facts.get("alpn")

    def compression(self) -> None:
        return None

    def get_channel_binding(self, cb_type: str = "tls-unique") -> bytes | None:
        if cb_type != "tls-unique":
            raise ValueError(f"{cb_type!r} channel binding type not implemented")
        return bytes.fromhex(self._facts.get("binding", "")) or None

    def getpeercert(self, der: bool = False, /) -> Any:
        if not self._facts:
            raise ValueError("handshake not done yet")
        if self._certificate is None:
            self._certificate = ask_network("certificate", self._number)
        decoded, encoded = self._certificate
        if der:
            return encoded or None
        return None if decoded is None else tupled(decoded)

    def get_verified_chain(self) -> list[Any]:
        raise NotImplementedError("get_verified_chain: the host keeps the chain")

    get_unverified_chain = get_verified_chain

    def verify_client_post_handshake(self) -> NoReturn:
        raise NotImplementedError(f"post-handshake authentication: {NO_CALLBACK}")


class SocketTLS(TLS):
    """TLS on a socket, which the host does: what crosses is plain, once."""

    def __init__(self, context: Any, sock: Any, server_side: bool, server_hostname: str | None, owner: Any) -> None:
        super().__init__(context, server_side, server_hostname, owner)
        self._sock, self._number = sock, sock.fileno()
        #: What the host must know before anything else; the handshake, which comes first, takes it along.
        self._wrapping: Any = context._real(), bool(server_side), server_hostname

    def _wrap(self) -> None:
        if self._wrapping is not None:
            wrapping, self._wrapping = self._wrapping, None
            ask_network("wrap", self._number, *wrapping)

    def _patiently(self, operation: str, *arguments: object, payload: Any = None) -> tuple[Any, bytes]:
        self._wrap()
        work = lambda seconds: ask_network(operation, self._number, *arguments, seconds, payload=payload)  # noqa: E731
        answer: tuple[Any, bytes] = waits.patiently(work, self._sock.gettimeout())
        return answer

    def do_handshake(self) -> None:
        def work(seconds: float | None) -> Any:
            wrapping, self._wrapping = self._wrapping, None
            return ask_network("handshake", self._number, wrapping, seconds)

        self._facts = waits.patiently(work, self._sock.gettimeout())[0]

    def read(self, size: int = 1024, buffer: Any = None, /) -> Any:
        if buffer is not None and (size <= 0 or size > len(buffer)):
            size = len(buffer)
        if size < 0:
            raise ValueError("size should not be negative")
        data = self._patiently("read", size)[1] if size else b""
        return _given(data, buffer)

    def write(self, data: Any, /) -> int:
        view = memoryview(data).cast("B")
        count: int = self._patiently("write", payload=view[: door.CHUNK])[0] if len(view) else 0
        return count

    def pending(self) -> int:
        self._wrap()
        count: int = ask_network("pending", self._number)[0]
        return count

    def shutdown(self) -> Any:
        self._patiently("unwrap")
        return self._sock


class BufferTLS(TLS):
    """TLS between two buffers: the host ciphers, and what comes of it is carried here."""

    def __init__(
        self, context: Any, incoming: Any, outgoing: Any, server_side: bool, server_hostname: str | None, owner: Any
    ) -> None:
        super().__init__(context, server_side, server_hostname, owner)
        self._in, self._out, self._told, self._pending = incoming, outgoing, False, 0
        self._number = ask_network("object", 0, context._real(), bool(server_side), server_hostname)[0]

    def __del__(self) -> None:
        try:
            if self._number:
                ask_network("forget", self._number)
        except Exception:
            pass

    def _step(self, name: str, size: int = 0, data: Any = b"") -> tuple[int, bytes]:
        received = self._in.read(door.CHUNK)
        ended = self._in.eof and not self._told
        self._told = self._told or ended
        (problem, facts, count, self._pending, sent), out = ask_network(
            "step", self._number, name, size, len(received), ended, payload=received + bytes(data)
        )
        self._out.write(out[:sent])
        if problem:
            raise error_of(*problem)
        if facts is not None:
            self._facts = facts
        return count, out[sent:]

    def do_handshake(self) -> None:
        self._step("handshake")

    def read(self, size: int = 1024, buffer: Any = None, /) -> Any:
        if buffer is not None and (size <= 0 or size > len(buffer)):
            size = len(buffer)
        return _given(self._step("read", size)[1], buffer)

    def write(self, data: Any, /) -> int:
        return self._step("write", data=memoryview(data).cast("B")[: door.CHUNK])[0]

    def pending(self) -> int:
        return self._pending

    def shutdown(self) -> None:
        self._step("shutdown")


class MemoryBIO:
    """Bytes on their way, as in `ssl`."""

    def __init__(self) -> None:
        self._data, self._ended = bytearray(), False

    @property
    def pending(self) -> int:
        return len(self._data)

    @property
    def eof(self) -> bool:
        return self._ended and not self._data

    def read(self, size: int = -1, /) -> bytes:
        count = len(self._data) if size < 0 else size
        data = bytes(self._data[:count])
        del self._data[:count]
        return data

    def write(self, data: Any, /) -> int:
        if self._ended:
            raise error_of("SSLError", 1, "cannot write() after write_eof()")
        self._data += data
        return memoryview(data).nbytes

    def write_eof(self) -> None:
        self._ended = True


def _given(data: bytes, buffer: Any) -> Any:
    if buffer is None:
        return data
    memoryview(buffer).cast("B")[: len(data)] = data
    return len(data)


def tupled(value: Any) -> Any:
    """As `ssl` has certificates: lists are tuples, but those of a certificate's names at the top are as they were."""
    if isinstance(value, dict):
        return {name: tupled(each) for name, each in value.items()}
    return tuple(map(tupled, value)) if isinstance(value, list) else value
