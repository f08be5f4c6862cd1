"""The end of work when the process is told to stop: orderly, and within seconds.

A signal handler that raises, as Dagster's does in a step, is no way to stop an event loop: what it
raises inside a callback is logged and lost. Here the signal cancels the work, and is raised again
when the work has put away what it had.
"""

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Coroutine, Iterator
from types import FrameType
from typing import Any, Final, TypeVar

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
T = TypeVar("T")
_LEFT: Final = b"\0"


class Ending:
    """What a foreground program does about signals: it is interrupted, and soon gone.

    Attributes:
        number: of the signal that came; None as long as none has.
    """

    def __init__(self, within_s: float) -> None:
        self.number: int | None = None
        self._within_s = within_s

    @contextlib.contextmanager
    def in_force(self) -> Iterator[None]:
        """SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt in the block.

        A process that is still there `within_s` later ends, whatever it waits for.
        """
        if threading.current_thread() is not threading.main_thread():
            yield  # no signal comes here
            return
        told, self._tells = socket.socketpair()
        self._tells.setblocking(False)
        threading.Thread(target=self._watch, args=(told, self._tells), daemon=True).start()
        fileno = signal.set_wakeup_fd(self._tells.fileno(), warn_on_full_buffer=False)
        handlers = {number: signal.signal(number, self._interrupt) for number in foreground()}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(fileno)
            if self.number is None:
                self._tells.send(_LEFT)

    def begin(self, number: int) -> None:
        """Have the process end within the time, where its handler has not been called."""
        self.number = number
        self._tells.send(bytes([number]))

    def _interrupt(self, number: int, _frame: FrameType | None) -> None:
        self.number = number
        raise KeyboardInterrupt

    def _watch(self, ear: socket.socket, tells: socket.socket) -> None:
        """Told by the system's own handler: Python's waits for what blocks."""
        meant = {_LEFT, *(bytes([number]) for number in foreground())}
        with ear, tells:
            while (told := ear.recv(1)) not in meant:
                pass
            if told != _LEFT:
                time.sleep(self._within_s)
                os._exit(128 + told[0])


def foreground() -> list[signal.Signals]:
    """The signals that ask a foreground program to end; SIGHUP not under nohup."""
    is_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [*SIGNALS, *([] if is_nohup else [signal.SIGHUP])]


def run_interruptibly(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, with SIGTERM and SIGINT cancelling the work (a second one cuts it short).

    Raises:
        BaseException: what the process's own handler of the signal raises, once the work is over;
            `asyncio.CancelledError` if it raises nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        return asyncio.run(work)
    handlers = {int(number): signal.getsignal(number) for number in SIGNALS}
    received: list[int] = []

    async def cancellable() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop(number: int) -> None:
            received.append(number)
            owner = getattr(handlers[number], "__self__", None)
            if isinstance(owner, Ending):
                owner.begin(number)
            if task is not None:
                task.cancel()

        for number in SIGNALS:
            loop.add_signal_handler(number, stop, number)
        return await work

    fileno = signal.set_wakeup_fd(-1)
    try:
        return asyncio.run(cancellable())
    finally:
        for number, handler in handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(fileno)
        if received:
            signal.raise_signal(received[0])
