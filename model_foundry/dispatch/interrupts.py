"""Running asynchronous work to its orderly end when the process is told to stop.

A signal handler that raises, as Dagster's does in a step, is no way to stop an event loop: what it
raises inside a callback is logged and lost. Here the signal cancels the work, and is raised again
when the work has put away what it had.
"""

import asyncio
import signal
import threading
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
T = TypeVar("T")


def run_interruptibly(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, with SIGTERM and SIGINT cancelling the work (a second one cuts it short).

    Raises:
        BaseException: what the process's own handler of the signal raises, once the work is over;
            `asyncio.CancelledError` if it raises nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        return asyncio.run(work)
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    received: list[int] = []

    async def cancellable() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop(number: int) -> None:
            received.append(number)
            if task is not None:
                task.cancel()

        for number in SIGNALS:
            loop.add_signal_handler(number, stop, number)
        return await work

    try:
        return asyncio.run(cancellable())
    finally:
        for number, handler in handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if received:
            signal.raise_signal(received[0])
