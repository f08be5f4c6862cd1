"""Where a dispatch stands: what it counts while it runs, told as progress and at last as a report.

Belongs here: the counts. Does not: their shapes (`report`), the way of a job (`dispatcher`).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NoReturn

from model_foundry.dispatch.report import DispatchReport, Progress
from model_foundry.dispatch.served_slot import ServedSlot
from model_foundry.slot.outcome import Status
from model_foundry.slot.timings import Timings


class Stand:
    """The counts of one dispatch: `open` jobs have no result yet, `unlanded` ones are not kept yet.

    `ended` is why jobs were not asked any more, though there were some: the first reason.
    """

    def __init__(self, served: Sequence[ServedSlot]) -> None:
        self.taken = self.open = self.unlanded = 0
        self.source_ended = False
        self.ended: str | None = None
        self._served = served
        self._statuses: Counter[Status] = Counter()
        self._error_kinds: Counter[str] = Counter()
        self._input_tokens = self._output_tokens = 0
        self._started = time.monotonic()

    def take(self) -> int:
        """One more job; its number, from 1."""
        self.taken += 1
        self.open += 1
        self.unlanded += 1
        return self.taken

    def answer(self, timings: Timings) -> None:
        """A slot answered, fit to be used or not."""
        self._input_tokens += timings.input_tokens or 0
        self._output_tokens += timings.output_tokens or 0

    def settle(self, status: Status, error_kind: str | None) -> None:
        """A job has its result."""
        self.open -= 1
        self._statuses[status] += 1
        if error_kind is not None:
            self._error_kinds[error_kind] += 1

    def land(self, results: int) -> None:
        """So many are kept."""
        self.unlanded -= results

    def end(self, why: str) -> None:
        """Jobs of a recipe or role are not asked any more."""
        self.ended = self.ended or why

    def progress(self) -> Progress:
        """As it is now."""
        wall_s = time.monotonic() - self._started
        done = self.taken - self.open
        return Progress(
            done=done,
            total=self.taken,
            total_is_final=self.source_ended,
            ok=self._statuses["ok"],
            rejected=self._statuses["rejected"],
            failed=self._statuses["failed"],
            output_tokens=self._output_tokens,
            tokens_per_s=self._output_tokens / wall_s if wall_s > 0 else 0.0,
            busy=sum(min(served.busy, served.cap) for served in self._served),
            places=sum(served.cap for served in self._served),
            eta_s=wall_s / done * self.open if self.source_ended and done else None,
        )

    def report(self, telemetry_dropped: int | None) -> DispatchReport:
        """As it is at the end."""
        return DispatchReport(
            asked=self.taken,
            cached=0,
            ok=self._statuses["ok"],
            rejected=self._statuses["rejected"],
            failed=self._statuses["failed"],
            error_kinds=dict(self._error_kinds),
            input_tokens=self._input_tokens,
            output_tokens=self._output_tokens,
            wall_s=time.monotonic() - self._started,
            telemetry_dropped=telemetry_dropped,
            ended=self.ended,
            slots=tuple(
                served.tally.figures(served.slot.name, served.slot.model) for served in self._served
            ),
        )


async def tell(stand: Stand, progress: Callable[[Progress], None], every_s: float) -> NoReturn:
    """Tell the progress again and again, until cancelled.

    Raises:
        Exception: what `progress` raised.
    """
    while True:
        await asyncio.sleep(every_s)
        progress(stand.progress())
