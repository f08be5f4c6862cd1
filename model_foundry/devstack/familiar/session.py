"""One session: a task is planned, looked up by three workers at once, and answered.

Belongs here: the order of things, and which event says what has happened.
Does not: the words of the requests (`prompts`), the shapes of the events (`payloads`).
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

from model_foundry.devstack.familiar import payloads, prompts, tools
from model_foundry.devstack.familiar.payloads import Item, NodeType, Status
from model_foundry.devstack.familiar.publish import (
    FAMILIAR,
    GATEWAY,
    OLDER_FAMILIAR,
    SEARCH_SERVICE,
    Journal,
    Producer,
)
from model_foundry.devstack.familiar.slots import Exchange, Slots
from model_foundry.devstack.familiar.tasks import Task
from model_foundry.devstack.familiar.vault import Vault
from model_foundry.events.subjects import CHAT, FLOW, SEARCH, TOOL_CALL
from model_foundry.fleet.file import Slot
from model_foundry.translation.prompts import translation_request

RELATED_NOTES: Final = 3
TASK_NODE: Final = "message:task"
ANSWER_NODE: Final = "message:answer"

Action = Literal["task", "translation", "plan", "tool_call", "finding", "answer"]


class Worker(NamedTuple):
    """A worker: the tools it uses, in this order, and who publishes what it does."""

    name: str
    uses: tuple[str, ...]
    chats: Producer
    calls: Producer


WORKERS: Final = (
    Worker("worker-1", ("search_notes",), chats=FAMILIAR, calls=FAMILIAR),
    Worker("worker-2", ("search_notes", "read_note"), chats=OLDER_FAMILIAR, calls=OLDER_FAMILIAR),
    Worker("worker-3", ("search_notes",), chats=FAMILIAR, calls=GATEWAY),
)


class Did(NamedTuple):
    """Something that somebody in a session has done. `slot` is None where no slot was asked."""

    who: str
    action: Action
    text: str
    slot: str | None = None
    output_tokens: int = 0


class Session:
    """A session on some slots; its events go to the journal, its progress to `on_done`."""

    def __init__(
        self,
        task: Task,
        *,
        slots: Slots,
        vault: Vault,
        journal: Journal,
        on_done: Callable[[Did], None],
    ) -> None:
        self.input_tokens = 0
        self.output_tokens = 0
        self._task = task
        self._slots = slots
        self._vault = vault
        self._journal = journal
        self._on_done = on_done
        self._started_at: dict[str, datetime] = {}

    async def run(self) -> None:
        """Hold the session, from the user's words to the answer.

        Raises:
            FoundryError: a slot does not answer, or NATS does not take an event.
        """
        cause = await self._open()
        task = self._task.text
        if self._task.language == "ja":
            task, cause = await self._translate(task, cause)
        async with self._slots.place("orchestrator") as place:
            planned = await place.ask("orchestrator", prompts.plan(task, self._task.seed))
        cause = await self._chat(planned, "orchestrator", "plan", cause)
        cause = await self._hand_out(cause)
        lookups = prompts.lookups(planned.text, task)
        try:
            async with asyncio.TaskGroup() as group:
                working = [
                    group.create_task(self._work(worker, lookup, self._task.seed + number, cause))
                    for number, (worker, lookup) in enumerate(zip(WORKERS, lookups, strict=True))
                ]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        findings = [work.result() for work in working]
        # The answer waits for all three; the last report is what sets it off.
        cause = max(findings, key=lambda finding: finding.reported_at).event_id
        async with self._slots.place("orchestrator") as place:
            body = prompts.answer(task, (finding.text for finding in findings), self._task.seed)
            answered = await place.ask("orchestrator", body)
        cause = await self._chat(answered, "orchestrator", "answer", cause)
        await self._flow(
            [
                self._node(ANSWER_NODE, "message", "done"),
                self._node("orchestrator", "orchestrator", "done", slot=answered.slot),
            ],
            [_edge("orchestrator", ANSWER_NODE, "answers")],
            cause=cause,
        )

    async def _open(self) -> str:
        """The task arrives; familiar looks for notes that share words with it, in its language."""
        self._on_done(Did("user", "task", self._task.text))
        begun = await self._flow(
            [
                self._node(TASK_NODE, "message", "done"),
                self._node("orchestrator", "orchestrator", "running"),
            ],
            [_edge(TASK_NODE, "orchestrator", "asks")],
            cause=None,
        )
        related = self._vault.search(self._task.text, RELATED_NOTES)
        searched = payloads.search(self._task.text, RELATED_NOTES, related)
        cause = await self._journal.record(SEARCH, searched, cause=begun)
        if related.hits:
            notes = [f"note:{hit.path}" for hit in related.hits]
            await self._flow(
                [self._node(note, "note", "done") for note in notes],
                [_edge(note, TASK_NODE, "relates to") for note in notes],
                cause=cause,
            )
        return begun

    async def _translate(self, text: str, cause: str) -> tuple[str, str]:
        """The Japanese text in English, and the id of the event that has it."""
        edges = [_edge("orchestrator", "translator", "delegates to")]
        async with self._slots.place("translator") as place:
            running = self._node("translator", "translator", "running", slot=place.slot)
            cause = await self._flow([running], edges, cause=cause)
            request = translation_request(
                text,
                prompt_format=place.slot.prompt_format,
                source="ja",
                target="en",
                max_tokens=prompts.TRANSLATION_MAX_TOKENS,
            )
            said = [{"role": "user", "content": text}]
            translated = await place.ask("translator", request.parameters(), said=said)
        cause = await self._chat(translated, "translator", "translation", cause)
        done = self._node("translator", "translator", "done", slot=translated.slot)
        await self._flow_node(done, cause=cause)
        return translated.text, cause

    async def _hand_out(self, cause: str) -> str:
        """All workers get their lookup; they start when there is a place for them."""
        return await self._flow(
            [self._node(worker.name, "worker", "waiting") for worker in WORKERS],
            [_edge("orchestrator", worker.name, "delegates to") for worker in WORKERS],
            cause=cause,
        )

    async def _work(self, worker: Worker, lookup: str, seed: int, cause: str) -> "_Finding":
        conversation: list[prompts.Message] = [{"role": "user", "content": lookup}]
        notes: list[str] = []
        async with self._slots.place("worker") as place:
            running = self._node(worker.name, "worker", "running", slot=place.slot)
            cause = await self._flow_node(running, cause=cause)
            for tool_name in worker.uses:
                body = prompts.tool_use(tool_name, conversation, seed)
                asked = await place.ask("worker", body)
                cause = await self._chat(asked, worker.name, None, cause, producer=worker.chats)
                asked_event_id = cause
                for call in asked.tool_calls:
                    outcome, cause = await self._use(worker, asked, call, asked_event_id)
                    notes = outcome.notes or notes
                    conversation += _remembered(call, outcome)
            found = await place.ask("worker", prompts.finding(lookup, notes, seed))
        cause = await self._chat(found, worker.name, "finding", cause, producer=worker.chats)
        report = f"message:{worker.name}"
        event_id = await self._flow(
            [
                self._node(report, "message", "done"),
                self._node(worker.name, "worker", "done", slot=place.slot),
            ],
            [_edge(worker.name, report, "writes"), _edge(report, "orchestrator", "reports to")],
            cause=cause,
        )
        return _Finding(found.text, event_id, datetime.now(UTC))

    async def _use(
        self, worker: Worker, asked: Exchange, call: dict[str, Any], cause: str
    ) -> tuple[tools.Outcome, str]:
        """Make one call; the id is that of the call's own event."""
        outcome = tools.call(self._vault, call)
        if outcome.search is not None:
            wanted = outcome.arguments
            searched = payloads.search(wanted["query"], wanted["top_k"], outcome.search)
            await self._journal.record(SEARCH, searched, cause=cause, producer=SEARCH_SERVICE)
        called = payloads.tool_call(outcome, asked, chat_event_id=cause)
        cause = await self._journal.record(TOOL_CALL, called, cause=cause, producer=worker.calls)
        tool = f"tool:{outcome.tool_call_id}"
        status: Status = "done" if outcome.error_type is None else "error"
        node = self._node(tool, "tool", status, name=outcome.tool_name)
        await self._flow_node(node, cause=cause)
        await self._flow_edge(_edge(worker.name, tool, "calls"), cause=cause)
        text = f"{outcome.tool_name}({outcome.arguments}): {outcome.text}"
        slot = asked.slot.name
        self._on_done(Did(worker.name, "tool_call", text, slot, asked.output_tokens))
        return outcome, cause

    async def _chat(
        self,
        exchange: Exchange,
        who: str,
        action: Action | None,
        cause: str,
        *,
        producer: Producer = FAMILIAR,
    ) -> str:
        """Publish an exchange; one without an action is shown with the call that it asks for."""
        self.input_tokens += exchange.input_tokens
        self.output_tokens += exchange.output_tokens
        if action is not None:
            slot = exchange.slot.name
            self._on_done(Did(who, action, exchange.text, slot, exchange.output_tokens))
        payload = payloads.chat(exchange, session_id=self._journal.correlation_id)
        return await self._journal.record(CHAT, payload, cause=cause, producer=producer)

    async def _flow(self, nodes: list[Item], edges: list[Item], *, cause: str | None) -> str:
        return await self._journal.record(FLOW, {"nodes": nodes, "edges": edges}, cause=cause)

    async def _flow_node(self, node: Item, *, cause: str) -> str:
        return await self._journal.record(FLOW, {"kind": "node", **node}, cause=cause)

    async def _flow_edge(self, edge: Item, *, cause: str) -> str:
        return await self._journal.record(FLOW, {"kind": "edge", **edge}, cause=cause)

    def _node(
        self,
        node_id: str,
        node_type: NodeType,
        status: Status,
        *,
        name: str | None = None,
        slot: Slot | None = None,
    ) -> Item:
        """The node as it is now; it started when it was first heard of."""
        now = datetime.now(UTC)
        return payloads.node(
            node_id,
            node_type,
            status=status,
            name=name or node_id.partition(":")[2] or node_id,
            slot=None if slot is None else slot.name,
            model=None if slot is None else slot.model,
            started_at=self._started_at.setdefault(node_id, now),
            ended_at=now if status in ("done", "error") else None,
        )


class _Finding(NamedTuple):
    text: str
    event_id: str
    reported_at: datetime


def _remembered(call: dict[str, Any], outcome: tools.Outcome) -> list[prompts.Message]:
    """A call as the worker's next request holds it."""
    if outcome.error_type == "invalid_arguments":
        # llama.cpp answers 500 to a conversation whose calls have arguments that are no JSON.
        return []
    return [
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": outcome.tool_call_id, "content": outcome.text},
    ]


def _edge(source: str, target: str, edge_type: str) -> Item:
    return payloads.edge(source, target, edge_type, occurred_at=datetime.now(UTC))
