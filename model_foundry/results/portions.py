"""A source that is not always ready, in portions: what comes together is taken together. Pure."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def portions(
    source: AsyncIterable[T], size: int, wait_s: float
) -> AsyncGenerator[list[T], None]:
    """The items, at most `size` at a time; one waits no longer than `wait_s` for the next.

    Raises:
        Exception: what the source raised, after the items that it gave.
    """
    items = aiter(source)
    coming: asyncio.Future[T] | None = None
    try:
        while True:
            portion: list[T] = []
            error: Exception | None = None
            while len(portion) < size and error is None:
                coming = coming or asyncio.ensure_future(anext(items))
                if not (await asyncio.wait({coming}, timeout=wait_s if portion else None))[0]:
                    break
                come, coming = coming, None
                try:
                    portion.append(come.result())
                except Exception as raised:
                    error = raised
            if portion:
                yield portion
            if isinstance(error, StopAsyncIteration):
                return
            if error is not None:
                raise error
    finally:
        if coming is not None:
            coming.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration):
                await coming
