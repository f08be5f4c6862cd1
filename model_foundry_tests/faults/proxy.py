"""A TCP proxy on loopback that can be cut, frozen, and told to lose acknowledgements."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Final, Self

from model_foundry.devstack.processes import HOST

_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset


class Proxy:
    """Carries connections to a server's port, as long as it is whole."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._flows = threading.Event()
        self._flows.set()
        self._sockets: set[socket.socket] = set()
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]
        self.loses_acks = False
        self.lost_acks = 0

    def cut(self) -> None:
        """Reset every connection, and refuse new ones."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in list(self._sockets):
            self._reset(one)

    def mend(self) -> None:
        """Accept connections again."""
        self._listener = self._listen(self.port)

    def freeze(self) -> None:
        """Carry nothing, as over an unplugged cable; nothing is lost."""
        self._flows.clear()

    def thaw(self) -> None:
        """Carry what waits, and go on."""
        self._flows.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._flows.set()
        with contextlib.suppress(OSError):
            self.cut()

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server((HOST, port))
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection((HOST, self._target))
            except OSError:
                self._reset(client)
                continue
            self._sockets |= {client, server}
            for pump in (self._to_server, self._to_client):
                threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def _to_client(self, client: socket.socket, server: socket.socket) -> None:
        self._pump(_chunks(server), client, server)

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        self._pump(self._without_acks(client), server, client)

    def _pump(self, chunks: Iterator[bytes], target: socket.socket, source: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for chunk in chunks:
                self._flows.wait()
                target.sendall(chunk)
        for one in (source, target):
            self._reset(one)

    def _without_acks(self, client: socket.socket) -> Iterator[bytes]:
        """What the client says; while acks are lost, NATS's frames without them."""
        held = b""
        for chunk in _chunks(client):
            if not self.loses_acks and not held:
                yield chunk
                continue
            held += chunk
            while (frame := _frame(held)) is not None:
                held = held[len(frame) :]
                if self.loses_acks and frame.startswith(b"PUB $JS.ACK."):
                    self.lost_acks += 1
                else:
                    yield frame

    def _reset(self, one: socket.socket) -> None:
        self._sockets.discard(one)
        with contextlib.suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            one.shutdown(socket.SHUT_RDWR)
        one.close()


def _chunks(source: socket.socket) -> Iterator[bytes]:
    while chunk := source.recv(65_536):
        yield chunk


def _frame(held: bytes) -> bytes | None:
    """The first whole frame of NATS's client protocol."""
    line, ending, _ = held.partition(b"\r\n")
    if not ending:
        return None
    size = len(line) + 2
    if line.startswith((b"PUB ", b"HPUB ")):
        size += int(line.rsplit(b" ", 1)[1]) + 2
    return held[:size] if len(held) >= size else None
