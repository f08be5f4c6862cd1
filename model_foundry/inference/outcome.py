"""What became of a job: the row that is landed. Pure."""

from datetime import datetime
from typing import Final, Literal

import msgspec

from model_foundry.inference.answers import Completion
from model_foundry.inference.fleet import Slot
from model_foundry.inference.jobs import Job

Status = Literal["ok", "rejected", "failed"]
FINISHED_WELL: Final = frozenset({"stop", "tool_calls"})


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One job's end: `ok`, `rejected` (answered, but not fit to be used), or `failed` (no answer).

    `slot` is the one that was asked last, None if none was; `created_at` is when the job was
    asked first, or given up unasked.
    """

    job: Job
    status: Status
    slot: Slot | None
    completion: Completion | None
    error_kind: str | None
    error: str | None
    attempts: int
    created_at: datetime
    completed_at: datetime


def judged(completion: Completion) -> tuple[Status, str | None, str | None]:
    """Status, error kind and error text of an answer."""
    if completion.finish_reason not in FINISHED_WELL:
        return "rejected", "finish_reason", f"finish_reason is {completion.finish_reason}"
    if not completion.text.strip() and not completion.tool_calls:
        return "rejected", "empty", "the answer has no text and no tool call"
    return "ok", None, None
