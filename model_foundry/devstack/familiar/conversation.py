"""One session: plan, three workers at once with their tools, collect; published as it happens."""

import asyncio
import functools
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from nats.aio.client import Client
from openai import AsyncOpenAI

from model_foundry.devstack.familiar import asks, tools
from model_foundry.devstack.familiar.events import Publisher, uuid7
from model_foundry.devstack.familiar.vault import NAME, RANKING, Vault
from model_foundry.events.subjects import CHAT, FLOW, SEARCH, TOOL_CALL
from model_foundry.inference.fleet import Slot, settings_fleet
from model_foundry.intake import jetstream
from model_foundry.settings import Settings

_FEW_SHOT = (
    "Japanese: 今日は天気がいいですね。\nEnglish: The weather is nice today.\n\n"
    "Japanese: サーバーを再起動してください。\nEnglish: Please restart the server.\n\n"
    "Japanese: データベースに接続できませんでした。\n"
    "English: Could not connect to the database.\n\n"
)
_MAX_TOKENS = 80


class TrafficReport(NamedTuple):
    """What sessions published (by current subject), and what it took."""

    events: Counter[str]
    output_tokens: int
    wall_s: float
    correlation_ids: list[str]

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {**self._asdict(), "events": dict(self.events), "wall_s": round(self.wall_s, 3)}


class Exchange(NamedTuple):
    """One exchange with a slot: its event's id, the answer, and what a next request needs."""

    event_id: str
    text: str
    message: dict[str, Any]
    tool_calls: list[dict[str, Any]]


async def run_sessions(
    settings: Settings,
    *,
    sessions: int,
    seed: int,
    on_step: Callable[[str], None] = lambda _: None,
) -> TrafficReport:
    """Hold sessions one after the other, each with the next task of an order that `seed` decides.

    Raises:
        FoundryError: NATS or the fleet's slots are not there.
    """
    started = time.monotonic()
    order = list(asks.TASKS)
    random.Random(seed).shuffle(order)  # noqa: S311 (which task comes next is no secret)
    # Every second session is Japanese, so that translation always has something to do.
    english = [task for task in order if task.language == "en"]
    japanese = [task for task in order if task.language == "ja"]
    client = await jetstream.connect(settings, name="familiar")
    slots = _Slots(settings)
    vault = Vault.packaged()
    events: Counter[str] = Counter()
    correlation_ids = []
    try:
        for number in range(sessions):
            of_language = (japanese, english)[number % 2]
            task = of_language[number // 2 % len(of_language)]
            session = _Session(client, slots, vault, task)
            on_step(f"session {number + 1} of {sessions}: {task.text}")
            await session.run(functools.partial(_step_of, number + 1, on_step))
            events += session.publisher.published
            correlation_ids.append(session.publisher.correlation_id)
    finally:
        await slots.close()
        await client.close()
    return TrafficReport(events, slots.output_tokens, time.monotonic() - started, correlation_ids)


def _step_of(number: int, on_step: Callable[[str], None], step: str) -> None:
    on_step(f"session {number}: {step}")


class _Slots:
    """The profile's slots, each with its client and its places."""

    def __init__(self, settings: Settings) -> None:
        fleet = settings_fleet(settings)
        environment = settings.environment()
        self._of_role = {
            role: fleet.with_role(role, settings.profile)
            for role in ("orchestrator", "worker", "translator")
        }
        members = {slot.name: slot for slots in self._of_role.values() for slot in slots}
        self.clients = {
            name: AsyncOpenAI(
                base_url=f"{slot.url(environment)}/v1",
                api_key=slot.key(environment),
                timeout=settings.inference_request_timeout_s,
            )
            for name, slot in members.items()
        }
        self.places = {name: asyncio.Semaphore(slot.parallel) for name, slot in members.items()}
        self.output_tokens = 0

    def pick(self, role: str, number: int = 0) -> Slot:
        """The slot for the n-th request at once of a role."""
        slots = self._of_role[role]
        return slots[number % len(slots)]

    async def close(self) -> None:
        for client in self.clients.values():
            await client.close()


class _Session:
    def __init__(self, client: Client, slots: _Slots, vault: Vault, task: asks.Task) -> None:
        self.publisher = Publisher(client, uuid7())
        self._slots = slots
        self._vault = vault
        self._task = task
        self._id = uuid7()

    async def run(self, on_step: Callable[[str], None]) -> None:
        root = self.publisher.correlation_id
        begun = await self.publisher.publish(
            FLOW, {"kind": "node", **_node(root, "message", "task", status="received")}
        )
        if self._task.language == "ja":
            on_step("the translator reads the task")
            begun = await self._translate(begun)
        on_step("the orchestrator plans")
        slot = self._slots.pick("orchestrator")
        plan = await self._chat(
            slot,
            "orchestrator",
            [
                {"role": "system", "content": asks.PLANNER},
                {"role": "user", "content": asks.plan_request(self._task)},
            ],
            caused_by=begun,
        )
        await self.publisher.publish(
            FLOW,
            {
                "nodes": [_node(f"{root}/plan", "orchestrator", "plan", slot)],
                "edges": [_edge(root, f"{root}/plan", "asks")],
            },
            caused_by=plan.event_id,
        )
        on_step("three workers work at once")
        aspects = asks.ASPECTS[self._task.language]
        answers = await asyncio.gather(
            *(self._work(number, aspect, plan) for number, aspect in enumerate(aspects))
        )
        on_step("the orchestrator collects")
        texts = [answer.text for answer in answers]
        collected = await self._chat(
            slot,
            "orchestrator",
            [
                {"role": "system", "content": asks.PLANNER},
                {"role": "user", "content": asks.collect_request(self._task, texts)},
            ],
            caused_by=answers[-1].event_id,
        )
        workers = [f"{root}/worker-{number}" for number in range(len(answers))]
        await self.publisher.publish(
            FLOW,
            {
                "nodes": [_node(f"{root}/answer", "orchestrator", "answer", slot)],
                "edges": [_edge(worker, f"{root}/answer", "reports") for worker in workers],
            },
            caused_by=collected.event_id,
        )

    async def _work(self, number: int, aspect: str, plan: Exchange) -> Exchange:
        root = self.publisher.correlation_id
        node = f"{root}/worker-{number}"
        slot = self._slots.pick("worker", number)
        begun = await self.publisher.publish(
            FLOW,
            {
                "nodes": [_node(node, "worker", f"worker-{number}", slot, status="started")],
                "edges": [_edge(f"{root}/plan", node, "delegates")],
            },
            caused_by=plan.event_id,
        )
        # The second worker is an older producer; the third one's tools run behind the gateway.
        is_old, form = number == 1, "cloudevents" if number == 2 else "homelab"
        asked = asks.worker_request(self._task, aspect)
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": asks.WORKER},
            {"role": "user", "content": asked},
        ]
        tool_names = ["search_notes", "read_note"] if number == 2 else ["search_notes"]
        chosen = await self._chat(
            slot, "worker", messages, caused_by=begun, tool_names=tool_names, old_name=is_old
        )
        messages.append(chosen.message)
        for tool_call in chosen.tool_calls:
            outcome = tools.call(self._vault, tool_call)
            called = await self.publisher.publish(
                TOOL_CALL,
                {
                    "tool_call_id": outcome.tool_call_id,
                    "tool_name": outcome.tool_name,
                    "arguments": outcome.arguments,
                    "result": outcome.result,
                    "is_error": outcome.error_type is not None,
                    "error_type": outcome.error_type,
                    "duration_ms": outcome.duration_ms,
                    "slot": slot.name,
                    "model": slot.model,
                    "chat_event_id": chosen.event_id,
                },
                caused_by=chosen.event_id,
                form=form,  # type: ignore[arg-type]
            )
            await self._publish_search(outcome, called)
            tool_node = f"{node}/{outcome.tool_call_id}"
            await self.publisher.publish(
                FLOW,
                {"kind": "node", **_node(tool_node, "tool", outcome.tool_name)},
                caused_by=called,
            )
            await self.publisher.publish(
                FLOW, {"kind": "edge", **_edge(node, tool_node, "calls")}, caused_by=called
            )
            messages.append(
                {"role": "tool", "tool_call_id": outcome.tool_call_id, "content": outcome.text}
            )
        answer = await self._chat(
            slot, "worker", messages, caused_by=chosen.event_id, old_name=is_old
        )
        await self.publisher.publish(
            FLOW,
            {"kind": "node", **_node(node, "worker", f"worker-{number}", slot, status="done")},
            caused_by=answer.event_id,
        )
        return answer

    async def _publish_search(self, outcome: tools.Outcome, caused_by: str) -> None:
        if outcome.search is None:
            return
        hits = [hit._asdict() for hit in outcome.search.hits]
        await self.publisher.publish(
            SEARCH,
            {
                "query": outcome.arguments["query"],
                "vault": NAME,
                "top_k": outcome.arguments["top_k"],
                "embedding_model": RANKING,
                "results": hits,
                "duration_ms": outcome.search.duration_ms,
            },
            caused_by=caused_by,
            old_name=True,
        )

    async def _translate(self, caused_by: str) -> str:
        slot = self._slots.pick("translator")
        text = self._task.text
        parameters: dict[str, Any] = {"temperature": 0.0, "max_tokens": _MAX_TOKENS, "stop": ["\n"]}
        started = time.perf_counter()
        async with self._slots.places[slot.name]:
            response = await self._slots.clients[slot.name].completions.create(
                model=slot.model, prompt=f"{_FEW_SHOT}Japanese: {text}\nEnglish:", **parameters
            )
        choice = response.choices[0]
        return await self._publish_chat(
            slot,
            "translator",
            [{"role": "user", "content": text}],
            {"content": choice.text.strip(), "finish_reason": choice.finish_reason},
            response=response,
            parameters=parameters,
            duration_ms=(time.perf_counter() - started) * 1000,
            caused_by=caused_by,
        )

    async def _chat(
        self,
        slot: Slot,
        role: str,
        messages: list[dict[str, Any]],
        *,
        caused_by: str,
        tool_names: list[str] | None = None,
        old_name: bool = False,
    ) -> Exchange:
        parameters: dict[str, Any] = {"temperature": 0.4, "max_tokens": _MAX_TOKENS}
        offered = [tools.definition(name) for name in tool_names or []]
        if offered:
            parameters |= {"tools": offered, "tool_choice": "required"}
        started = time.perf_counter()
        async with self._slots.places[slot.name]:
            response = await self._slots.clients[slot.name].chat.completions.create(
                model=slot.model,
                messages=messages,  # type: ignore[arg-type]
                **parameters,
            )
        duration_ms = (time.perf_counter() - started) * 1000
        choice = response.choices[0]
        message = choice.message.model_dump(exclude_none=True)
        tool_calls = message.get("tool_calls", [])
        event_id = await self._publish_chat(
            slot,
            role,
            messages,
            {**message, "finish_reason": choice.finish_reason},
            response=response,
            parameters=parameters,
            duration_ms=duration_ms,
            caused_by=caused_by,
            old_name=old_name,
        )
        return Exchange(event_id, choice.message.content or "", message, tool_calls)

    async def _publish_chat(
        self,
        slot: Slot,
        role: str,
        messages: list[dict[str, Any]],
        answer: dict[str, Any],
        *,
        response: Any,
        parameters: Mapping[str, Any],
        duration_ms: float,
        caused_by: str,
        old_name: bool = False,
    ) -> str:
        usage = response.usage.model_dump(exclude_none=True)
        self._slots.output_tokens += usage["completion_tokens"]
        timings = (response.model_extra or {}).get("timings", {})
        details = usage.get("prompt_tokens_details") or {}
        payload = {
            "session_id": self._id,
            "slot": slot.name,
            "role": role,
            "model": slot.model,
            "provider": slot.runtime,
            "messages": messages,
            "response": {name: value for name, value in answer.items() if name != "role"},
            "usage": {
                "prompt_tokens": usage["prompt_tokens"],
                "completion_tokens": usage["completion_tokens"],
                "cached_tokens": timings.get("cache_n", details.get("cached_tokens", 0)),
            },
            "timings": {
                "duration_ms": duration_ms,
                "prompt_per_second": timings.get("prompt_per_second"),
                "predicted_per_second": timings.get("predicted_per_second"),
            },
            "parameters": {name: parameters[name] for name in parameters if name != "tools"},
            "tools": parameters.get("tools"),
        }
        return await self.publisher.publish(CHAT, payload, caused_by=caused_by, old_name=old_name)


def _node(
    node_id: str, node_type: str, name: str, slot: Slot | None = None, status: str = "done"
) -> dict[str, Any]:
    served = {"slot": slot.name, "model": slot.model} if slot else {}
    return {"node_id": node_id, "node_type": node_type, "name": name, "status": status, **served}


def _edge(source: str, target: str, edge_type: str) -> dict[str, Any]:
    return {"edge_id": uuid7(), "source": source, "target": target, "edge_type": edge_type}
