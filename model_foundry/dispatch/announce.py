"""What a dispatch tells telemetry: each request to a slot as it ends, and what befalls slots.

Belongs here: which event says what has happened. Does not: how it travels (`telemetry`).
"""

from typing import Any, Final

import msgspec

from model_foundry.dispatch.queue import Waiting
from model_foundry.fleet.file import Slot
from model_foundry.settings import Settings
from model_foundry.slot.answers import Completion
from model_foundry.slot.jobs import Job, Request
from model_foundry.slot.outcome import Verdict, said
from model_foundry.telemetry import Level, Sender, Status, event, sender_of

SERVICE: Final = "model-foundry"
_TIMEOUTS: Final = frozenset({"timeout", "deadline"})


class Announcer:
    """Tells what one dispatch does; `dropped` counts what the endpoint did not take meanwhile."""

    def __init__(self, sender: Sender, run_id: str | None) -> None:
        self._sender = sender
        self._run_id = run_id
        self._dropped_before = sender.counts.dropped

    @classmethod
    def where_wanted(cls, settings: Settings, run_id: str | None) -> "Announcer | None":
        """One where the settings have an endpoint.

        Raises:
            FoundryError: the endpoint's URL is no URL.
        """
        sender = sender_of(settings)
        return None if sender is None else cls(sender, run_id)

    @property
    def dropped(self) -> int:
        """Events of this process that were dropped since this dispatch began."""
        return self._sender.counts.dropped - self._dropped_before

    def answered(self, waiting: Waiting, answer: Completion, verdict: Verdict) -> None:
        """A request was answered, fit to be used or not."""
        timings = answer.timings
        self._request(
            waiting,
            "ok" if verdict.status == "ok" else "rejected",
            error_kind=verdict.error_kind,
            prompt_tokens=timings.input_tokens,
            completion_tokens=timings.output_tokens,
            cached_tokens=timings.cached_tokens,
            ttft_ms=timings.ttft_ms,
            duration_ms=timings.total_ms,
            pp_tokens_per_s=timings.pp_tokens_per_s,
            tg_tokens_per_s=timings.tg_tokens_per_s,
            timing_source=timings.timing_source,
            response=said(answer) if self._sender.texts else None,
        )

    def unanswered(self, waiting: Waiting, error_kind: str, elapsed_s: float) -> None:
        """A request brought no answer."""
        status: Status = "timeout" if error_kind in _TIMEOUTS else "error"
        self._request(waiting, status, error_kind=error_kind, duration_ms=elapsed_s * 1000)

    def unasked(self, job: Job, error_kind: str) -> None:
        """A job ended without having been asked."""
        self._log(
            f"job {job.job_id} of {job.recipe} was not asked",
            level="error",
            status="timeout" if error_kind in _TIMEOUTS else "error",
            correlation_id=job.correlation_id,
            error_kind=error_kind,
        )

    def paused(self, slot: Slot, error_kind: str) -> None:
        """A slot does not answer."""
        message = f"slot {slot.name} is paused"
        fields = {"slot": slot.name, "error_kind": error_kind}
        self._log(message, level="warn", status="error", **fields)

    def answers_again(self, slot: Slot) -> None:
        """A slot that was paused is well."""
        self._log(f"slot {slot.name} answers again", slot=slot.name)

    def _request(self, waiting: Waiting, status: Status, **fields: Any) -> None:
        job, slot = waiting.job, waiting.slot
        if slot is None:
            return
        self._sender.tell(
            event(
                "llm",
                correlation_id=job.correlation_id,
                service=SERVICE,
                level="info" if status == "ok" else "warn",
                status=status,
                slot=slot.name,
                model=slot.model,
                backend="other" if slot.runtime == "openai" else slot.runtime,
                recipe=job.recipe,
                role=job.role,
                job_id=job.job_id,
                attempt=waiting.attempts,
                run_id=self._run_id,
                prompt=_asked(waiting.repair or job.request) if self._sender.texts else None,
                **fields,
            )
        )

    def _log(
        self,
        message: str,
        *,
        level: Level = "info",
        status: Status = "ok",
        correlation_id: str | None = None,
        **fields: Any,
    ) -> None:
        self._sender.tell(
            event(
                "log",
                correlation_id=correlation_id,
                service=SERVICE,
                level=level,
                status=status,
                message=message,
                **fields,
            )
        )


def _asked(request: Request) -> str:
    """What a request says last, as text."""
    if not request.messages:
        return request.prompt or ""
    content = request.messages[-1].get("content")
    return content if isinstance(content, str) else msgspec.json.encode(content).decode()
