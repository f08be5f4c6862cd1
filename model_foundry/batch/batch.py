"""A batch file's way: looked through, asked, and written out again in its order.

Nothing of it is kept but the rows of `inference_result`: a line's job follows from its content, so
that a run which was killed goes on where the rows end, whatever became of its files. The file is
read three times, never held.

Belongs here: the passes over the file. Does not: what a line says (`line`), whom it asks
(`target`), what it becomes (`answers`).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import msgspec
import psycopg
from psycopg.rows import dict_row

from model_foundry.batch.answers import Row, answer_line, error_line
from model_foundry.batch.files import LINE_MAX_BYTES, LinesFile
from model_foundry.batch.line import Asked, LineError, asked
from model_foundry.batch.target import Target, Targets
from model_foundry.dispatch.report import DispatchReport, Progress
from model_foundry.errors import FoundryError
from model_foundry.results.landed import run_jobs
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Job
from model_foundry.sql import load_sql
from model_foundry.whole_file import whole_file

RECIPE: Final = "batch"
# Answers read, and written, at a time.
ROWS: Final = 100


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds: how many lines, of which so many are refused; whom the others ask.

    `not_sent` counts the fields that are left out of what is sent, by name.
    """

    lines: int
    refused: int
    targets: dict[str, Target]
    not_sent: dict[str, int]


class Stand(NamedTuple):
    """Where a batch is: lines that are done, refused ones included, and tokens a second."""

    done: int
    lines: int
    tokens_per_s: float


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What the files hold: lines with an answer, lines that were refused or that got none.

    `by_code` counts the errors.
    """

    answers: int
    errors: int
    by_code: dict[str, int]


class Batch:
    """One file; call `survey`, `ask` and `write`, in this order."""

    def __init__(self, path: Path, targets: Targets) -> None:
        self._file = LinesFile(path)
        self._targets = targets
        self._repeated: set[int] = set()
        self._digest = ""

    def survey(self) -> Survey:
        """Look through the whole file.

        Raises:
            FoundryError: it cannot be read.
        """
        lines = refused = 0
        targets: dict[str, Target] = {}
        not_sent: Counter[str] = Counter()
        # Hashes of 64 bits: of a million lines 70 MB, and two alike in one file of 10^7 such.
        seen: set[int] = set()
        for number, line in self._lines():
            lines += 1
            custom_id = line.custom_id if isinstance(line, LineError) else line[0].custom_id
            repeated = custom_id is not None and hash(custom_id) in seen
            if custom_id is not None:
                seen.add(hash(custom_id))
            if isinstance(line, LineError):
                refused += 1
                continue
            if repeated:
                self._repeated.add(number)
                refused += 1
                continue
            said, target = line
            targets[target.name] = target
            not_sent.update(said.not_sent)
        self._digest = self._file.digest
        return Survey(lines=lines, refused=refused, targets=targets, not_sent=dict(not_sent))

    async def ask(
        self, settings: Settings, survey: Survey, progress: Callable[[Stand], None]
    ) -> list[DispatchReport]:
        """Ask what has no answer yet, on all slots at once, and keep every result.

        Raises:
            FoundryError: as `run_jobs`; the file cannot be read any more.
        """
        stands: dict[str, Progress] = {}

        def told(name: str, stand: Progress) -> None:
            stands[name] = stand
            done = sum(each.done + each.cached for each in stands.values())
            speed = sum(each.tokens_per_s for each in stands.values())
            progress(Stand(survey.refused + done, survey.lines, speed))

        runs = [
            asyncio.create_task(
                run_jobs(
                    self._jobs(target),
                    settings=settings,
                    slots=target.slots,
                    progress=lambda stand, name=name: told(name, stand),  # type: ignore[misc]
                )
            )
            for name, target in survey.targets.items()
        ]
        try:
            return await asyncio.gather(*runs)
        finally:
            for run in runs:
                run.cancel()
            await asyncio.gather(*runs, return_exceptions=True)

    def write(self, connection: psycopg.Connection[Any], out: Path, errors: Path) -> Written:
        """Write the answers and the errors, each in the file's order.

        Raises:
            FoundryError: a file cannot be read or written, or the batch has changed meanwhile.
        """
        codes: Counter[str] = Counter()
        answers = 0
        source = self._file.path
        with (
            whole_file(out, like=source) as answered,
            whole_file(errors, like=source) as failed,
        ):
            for portion in _portions(self._lines()):
                answers += self._write(connection, portion, answered, failed, codes)
            if self._file.digest != self._digest:
                raise FoundryError(f"{self._file.path} has changed meanwhile: run it again")
        return Written(answers=answers, errors=codes.total(), by_code=dict(codes))

    def _write(
        self,
        connection: psycopg.Connection[Any],
        portion: Sequence["_Line"],
        answered: IO[bytes],
        failed: IO[bytes],
        codes: Counter[str],
    ) -> int:
        """Write some lines; how many have an answer."""
        jobs = {
            number: self._job(*line) for number, line in portion if not isinstance(line, LineError)
        }
        rows = _rows(connection, [job.job_id for job in jobs.values()])
        answers = 0
        for number, line in portion:
            if isinstance(line, LineError):
                why = (f"{number}", line.custom_id, line.code, str(line))
            else:
                said, _ = line
                job_id = jobs[number].job_id
                row = rows.get(job_id)
                if row is not None and row["status"] != "failed":
                    answered.write(answer_line(said.custom_id, said.request.endpoint, row))
                    answers += 1
                    continue
                code = "no_result" if row is None else row["error_kind"]
                message = "the line was not asked" if row is None else row["error"] or code
                why = (job_id, said.custom_id, code, message)
            failed.write(error_line(*why))
            codes[why[2]] += 1
        return answers

    async def _jobs(self, target: Target) -> AsyncGenerator[Job, None]:
        for count, (_, line) in enumerate(self._lines()):
            if count % ROWS == 0:
                await asyncio.sleep(0)  # most lines may be another target's
            if not isinstance(line, LineError) and line[1].name == target.name:
                yield self._job(*line)

    def _job(self, said: Asked, target: Target) -> Job:
        return Job(
            recipe=RECIPE,
            kind="generation",
            role=target.role,
            occurred_on=datetime.now(UTC).date(),
            request=said.request,
            source_part=f"{target.name}/{said.custom_id}",
            correlation_id=f"batch-{self._digest[:16]}",
            alone=True,
        )

    def _lines(self) -> Iterator["_Line"]:
        for number, content in self._file.lines():
            line: tuple[Asked, Target] | LineError
            try:
                line = self._read(number, content)
            except LineError as error:
                line = error
            yield number, line

    def _read(self, number: int, content: bytes | None) -> tuple[Asked, Target]:
        if content is None:
            raise LineError("line_too_long", f"the line has more than {LINE_MAX_BYTES:,} bytes")
        said = asked(content)
        if number in self._repeated:
            message = "an earlier line has the same custom_id"
            raise LineError("duplicate_custom_id", message, said.custom_id)
        try:
            return said, self._targets.of(said.model)
        except LineError as error:
            error.custom_id = said.custom_id
            raise


_Line = tuple[int, tuple[Asked, Target] | LineError]


def _portions(lines: Iterator[_Line]) -> Iterator[list[_Line]]:
    while portion := list(islice(lines, ROWS)):
        yield portion


def _rows(connection: psycopg.Connection[Any], job_ids: Sequence[str]) -> dict[str, Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(load_sql("postgres/batch/answers"), {"job_ids": list(job_ids)})
        return {row["job_id"]: row for row in cursor.fetchall()}
