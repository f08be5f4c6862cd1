"""Servers that accept connections and do what no server should."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from model_foundry.devstack.processes import HOST

Behave = Callable[[socket.socket, threading.Event], None]
"""Handed a connection, and an event that is set when the server ends."""


class Listener:
    """A port, and whether somebody has connected to it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connected = threading.Event()

    def forget(self) -> None:
        """Wait for a connection that is yet to come."""
        self.connected.clear()

    def wait_for_a_connection(self) -> None:
        """Wait until somebody connects.

        Raises:
            AssertionError: nobody does.
        """
        assert self.connected.wait(120), "nobody connected"


@contextmanager
def listening(behave: Behave) -> Iterator[Listener]:
    """A server on loopback that behaves like this."""
    over = threading.Event()
    accepted: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve(one: socket.socket) -> None:
        with suppress(OSError), one:
            behave(one, over)

    def accept() -> None:
        with suppress(OSError):
            while True:
                one, _ = listener.accept()
                accepted.append(one)
                server.connected.set()
                threads.append(threading.Thread(target=serve, args=(one,), daemon=True))
                threads[-1].start()

    with socket.create_server((HOST, 0)) as listener:
        server = Listener(int(listener.getsockname()[1]))
        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield server
        finally:
            over.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for one in accepted:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


@contextmanager
def black_hole() -> Iterator[int]:
    """A port on which no connection is ever made: its queue is full, and nobody accepts."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen(0)
        port = int(listener.getsockname()[1])
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect((HOST, port))
            waiting.append(one)
        try:
            yield port
        finally:
            for one in waiting:
                one.close()


def silent(_one: socket.socket, over: threading.Event) -> None:
    """Accepts, and says nothing."""
    over.wait()


def closing(_one: socket.socket, _over: threading.Event) -> None:
    """Closes at once."""


def resetting(one: socket.socket, _over: threading.Event) -> None:
    """Resets at once."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def saying(words: bytes) -> Behave:
    """Says this, and no more."""

    def behave(one: socket.socket, over: threading.Event) -> None:
        one.sendall(words)
        over.wait()

    return behave


def dripping(words: bytes) -> Behave:
    """Says this a byte at a time, and takes for ever."""

    def behave(one: socket.socket, over: threading.Event) -> None:
        for byte in words:
            one.sendall(bytes([byte]))
            if over.wait(0.3):
                return
        over.wait()

    return behave


def postgres_that(*, version: str, answers: bool) -> Behave:
    """PostgreSQL's protocol up to where it is ready; then silence, or an error to everything."""

    def behave(one: socket.socket, over: threading.Event) -> None:
        length = struct.unpack("!I", one.recv(4))[0]
        if one.recv(length - 4) == struct.pack("!I", 80877103):  # wants TLS
            one.sendall(b"N")
            one.recv(struct.unpack("!I", one.recv(4))[0] - 4)
        parameters = [("server_version", version), ("server_encoding", "UTF8")]
        parameters += [("client_encoding", "UTF8"), ("standard_conforming_strings", "on")]
        one.sendall(_message(b"R", struct.pack("!I", 0)))
        for name, value in parameters:
            one.sendall(_message(b"S", f"{name}\0{value}\0".encode()))
        one.sendall(_message(b"K", struct.pack("!II", 1, 1)) + _message(b"Z", b"I"))
        while answers and one.recv(65_536):
            refused = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
            one.sendall(_message(b"E", refused) + _message(b"Z", b"I"))
        over.wait()

    return behave


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body
