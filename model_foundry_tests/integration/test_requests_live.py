"""Requests that come while a run works, and requests of any shape: each gets its one reply."""

import asyncio
import json
import statistics
import time
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from model_foundry.intake.drain import drain
from model_foundry.requests.answering import Answered, answer
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Kind
from model_foundry_tests.any_answer import ANY_BYTES, ANY_DOCUMENT, IMPATIENT, NO_ROOM
from model_foundry_tests.asking import QUICK
from model_foundry_tests.fake_slot import FakeSlot
from model_foundry_tests.line import execute, rows, value
from model_foundry_tests.recipes import with_slots
from model_foundry_tests.told_slot import Asked, Told, ToldSlot

DAY = date(2026, 11, 20)
ASKED = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 12}
ANSWER_S = 0.25
WAIT_S = 0.2  # for a place, and all the ways
BUSY_S, LONG_FORM = 3.0, 5_000


@pytest.fixture
def fake() -> Iterator[FakeSlot]:
    with FakeSlot(parallel=4) as slot:
        yield slot


@pytest.fixture
def line(settings: Settings, fake: FakeSlot) -> Settings:
    """The fake slot as the fleet, for both roles, and the day's tables."""
    execute(settings, "SELECT ensure_day_partition('llm_request', %s)", DAY)
    changed = with_slots(settings, fake.slot(roles=["worker", "translator"]))
    return changed.model_copy(update=QUICK)


def ask(
    settings: Settings, *event_ids: str, kind: Kind = "generation", payload: Any = None
) -> None:
    """Requests of one payload, as they lie in llm_request."""
    request = ASKED if payload is None else payload
    ask_each(settings, dict.fromkeys(event_ids, request), kind)


def ask_each(settings: Settings, payloads: Mapping[str, Any], kind: Kind = "generation") -> None:
    """Requests by their ids."""
    execute(
        settings,
        "INSERT INTO llm_request (event_id, occurred_at, occurred_on, kind, priority, request, "
        "batch_id) SELECT asked.event_id, %s, %s, %s, asked.request ->> 'priority', "
        "asked.request, 1 FROM unnest(%s::text[], %s::jsonb[]) AS asked (event_id, request)",
        DAY, DAY, kind, [*payloads], [json.dumps(each) for each in payloads.values()],
    )  # fmt: skip


def replies(settings: Settings) -> dict[str, dict[str, Any]]:
    """What has been published, by the request's id; each once."""
    asyncio.run(drain(settings))
    found = rows(
        settings,
        "SELECT causation_id, payload FROM event_inbox WHERE subject LIKE 'llm.%%.result'",
    )
    by_request = {row["causation_id"]: row["payload"] for row in found}
    assert len(by_request) == len(found)
    return by_request


def answered(settings: Settings, kind: Kind = "generation") -> Answered:
    return asyncio.run(answer(kind, DAY, settings=settings))


async def replied(settings: Settings, event_id: str) -> float:
    """When the reply was published and noted."""
    query = "SELECT count(*) FROM request_reply WHERE request_event_id = %s"
    while not await asyncio.to_thread(value, settings, query, event_id):
        pass
    return time.monotonic()


def test_an_interactive_request_joins_a_run_and_waits_for_no_batch(
    settings: Settings, pytestconfig: pytest.Config
) -> None:
    """Beside many of its own role and of another, whose answers end one after the other."""
    count, places, asked = pytestconfig.getoption("--beside"), 8, 5
    execute(settings, "SELECT ensure_day_partition('llm_request', %s)", DAY)
    noted = "SELECT count(*) FROM request_reply"
    answer_s = ANSWER_S

    def paced(each: Asked) -> Told:
        return Told(after_s=answer_s * min(1.0, each.number / places))

    async def work() -> list[float]:
        nonlocal answer_s
        async with (
            ToldSlot(paced, name="own", parallel=places) as own,
            ToldSlot(paced, name="other", parallel=places) as other,
        ):
            slots = [own.slot(), other.slot(roles=["translator"])]
            line = with_slots(settings, *slots).model_copy(
                # More than is held at once, of each.
                update={**QUICK, "inference_queue_jobs": count // 3}
            )
            for role in ("worker", "translator"):
                batch = {**ASKED, "priority": "batch", "role": role}
                names = [f"{role}-{number}" for number in range(count)]
                await asyncio.to_thread(ask, line, *names, payload=batch)
            run = asyncio.create_task(answer("generation", DAY, settings=line))
            await replied(line, "worker-0")
            took_s = []
            for number in range(asked):
                began = time.monotonic()
                await asyncio.to_thread(ask, line, f"now-{number}")
                took_s.append(await replied(line, f"now-{number}") - began)
            assert await asyncio.to_thread(value, line, noted) < 2 * count
            answer_s = 0.0
            await run
            assert len(own.asked) + len(other.asked) == 2 * count + asked
            return took_s

    took_s = asyncio.run(work())
    print(f"replied to after {[round(each * 1000) for each in took_s]} ms")
    assert value(settings, noted) == 2 * count + asked
    # The short form runs beside other tests, whatever they take.
    assert statistics.median(took_s) < ANSWER_S + (WAIT_S if count >= LONG_FORM else BUSY_S)


def test_requests_that_are_answered_already_are_replied_to_and_not_asked(
    line: Settings, fake: FakeSlot
) -> None:
    ask(line, "one", "two")
    answered(line)
    execute(line, "DELETE FROM request_reply WHERE request_event_id = 'one'")
    assert answered(line).statuses == {"ok": 1}
    assert fake.stats()["requests"] == 2
    assert replies(line).keys() == {"one", "two"}
    assert answered(line).statuses == {}


def test_a_translation_is_replied_to_when_its_last_part_has_landed(line: Settings) -> None:
    text = "First one.\n\n    code\n\nSecond one.\n"
    ask(line, "t", kind="translation", payload={"text": text, "from": "en", "to": "de"})
    ask(line, "nothing", kind="translation", payload={"text": "42", "from": "en", "to": "de"})
    assert answered(line, "translation").statuses == {"ok": 2}
    found = replies(line)
    assert found["nothing"]["text"] == "42"
    assert found["t"]["text"].count("Answer to") == 2
    assert "    code" in found["t"]["text"]


SCHEMAS: dict[str, Any] = {
    "schema": {"$schema": 5},
    "dynamic": {"$dynamicRef": "#nowhere"},
    "nested": {"$id": "http://a/b", "items": {"$id": "c", "$ref": "#/$defs/d"}},
    "fetched": {"$ref": "http://127.0.0.1:9/x.json"},
    "list": [],
    "number": 5,
    "none": None,
}


def test_a_request_whose_answer_could_not_be_measured_is_refused_with_the_reason(
    line: Settings, fake: FakeSlot
) -> None:
    for name, schema in SCHEMAS.items():
        wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        ask(line, name, payload={**ASKED, "response_format": wanted})
        tool = {"type": "function", "function": {"name": "f", "parameters": schema or 5}}
        ask(line, f"{name} tool", payload={**ASKED, "tools": [tool]})
    answered(line)
    found = replies(line)
    assert len(found) == 2 * len(SCHEMAS)
    assert {one["status"] for one in found.values()} == {"refused"}
    assert "response_format.json_schema.schema" in found["schema"]["error"]
    assert "tools[0]: parameters: no JSON schema: " in found["dynamic tool"]["error"]
    assert fake.stats()["requests"] == 0


def test_odd_requests_are_answered_by_what_is_understood_of_them(
    line: Settings, fake: FakeSlot
) -> None:
    tool = {"type": "function", "function": {"name": "x"}}
    odd: dict[str, dict[str, Any]] = {
        "named": {"tool_choice": {"type": "function", "function": "x"}, "tools": [tool]},
        "pattern": {"response_format": schema_format({"pattern": "^(a+)+$"})},
        "multiple": {"response_format": schema_format({"multipleOf": 0.1})},
        "format": {"response_format": {"type": 5, "json_schema": "x"}},
        "tools": {"tools": [{}, {"function": 5}, {"name": "x"}, {"function": {"name": []}}]},
        "choice": {"tool_choice": {"type": "allowed_tools"}},
    }
    fake.tell(say=["1" * 400])
    for name, fields in odd.items():
        ask(line, name, payload={**ASKED, **fields})
    answered(line)
    fake.tell(say=['"text"'])
    looks_ahead = {**ASKED, "response_format": schema_format({"pattern": "^(?=t)"})}
    ask(line, "lookahead", payload=looks_ahead)
    answered(line)
    found = replies(line)
    statuses = {name: one["status"] for name, one in found.items()}
    assert statuses == {
        **dict.fromkeys([*odd, "lookahead"], "ok"),
        "named": "rejected",
    }
    assert found["named"]["error"].startswith("no_tool_call")
    assert found["lookahead"]["error"] == "the pattern '^(?=t)' is not checked"
    assert found["multiple"]["error"] is None


def schema_format(schema: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


def test_an_answer_that_no_reply_can_carry_is_told_of(line: Settings, fake: FakeSlot) -> None:
    fake.tell(say=["x" * 1_100_000])
    ask(line, "large")
    assert answered(line).statuses == {"failed": 1}
    assert "it is in inference_result" in replies(line)["large"]["error"]
    assert value(line, "SELECT length(response_text) FROM inference_result") == 1_100_000


TEXT = st.text(max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.sampled_from(["user", "function", "json_schema", "#", "^(a+)+$", "object"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.sampled_from(
        ["type", "function", "name", "parameters", "json_schema", "schema", "properties", "items",
         "pattern", "patternProperties", "$ref", "$id", "$schema", "$dynamicRef", "multipleOf",
         "enum", "const", "required", "unevaluatedProperties", "anyOf", "role", "content"]
    ), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
MESSAGE = st.fixed_dictionaries({"role": st.just("user"), "content": TEXT})
REQUEST = st.fixed_dictionaries(
    {"messages": st.lists(MESSAGE, min_size=1, max_size=2) | JSON},
    optional={
        "response_format": JSON | st.fixed_dictionaries(
            {"type": st.just("json_schema"), "json_schema": st.fixed_dictionaries({"schema": JSON})}
        ),
        "tools": JSON | st.lists(JSON, max_size=2),
        "tool_choice": JSON,
        "temperature": JSON,
        "max_tokens": JSON,
        "stop": JSON,
        "priority": st.sampled_from(["batch", "interactive", "low"]) | JSON,
        "deadline_s": JSON,
        "thinking": JSON,
    },
) | JSON  # fmt: skip


def storable(payload: Any) -> bool:
    text = json.dumps(payload)
    return "\\u0000" not in text and "\\ud" not in text


def test_a_refusal_is_told_however_long_its_reason_is(line: Settings) -> None:
    ask(line, "long", payload={**ASKED, "role": "\x01" * 400_000})  # written as \\x01
    ask(line, "short")
    assert answered(line).statuses == {"refused": 1, "ok": 1}
    assert "no slot serves the role" in replies(line)["long"]["error"]


@pytest.mark.parametrize(
    "odd",
    [
        {"max_tokens": -5},
        {"max_tokens": 0},
        {"max_tokens": 10**400},
        {"temperature": -1},
        {"top_p": 7},
        {"seed": 2**64},
        {"messages": [{"role": [], "content": "x"}]},
        {"messages": [{"role": "user", "content": "x", "n": 10**400}]},
    ],
    ids=str,
)
def test_numbers_and_roles_of_any_kind_get_a_reply_and_blame_no_slot(
    line: Settings, fake: FakeSlot, odd: dict[str, Any]
) -> None:
    other = with_slots(
        line,
        *(fake.slot(name=name, roles=["worker", "translator"], parallel=2) for name in "ab"),
    )
    ask(other, "odd", payload=ASKED | odd)
    ask(other, "good")
    done = answered(other)
    assert replies(other)["good"]["status"] == "ok"
    assert done.statuses.total() == 2
    assert [figures.errors for figures in done.report.slots] == [{}, {}]


def test_what_a_server_says_of_itself_is_no_longer_than_a_reply(
    line: Settings, fake: FakeSlot
) -> None:
    name = "m" * 1_100_000
    call = {"function": {"name": name, "arguments": "{}"}}
    message = {"content": None, "tool_calls": [call]}
    bodies = {
        "model": {"model": name, "choices": [{"message": {"content": "Yes."}}]},
        "": {"choices": [{"message": message, "finish_reason": "tool_calls"}]},
    }
    fake.send_bytes({prompt: [json.dumps(body).encode()] for prompt, body in bodies.items()})
    for prompt in ("model", "tool"):
        ask(line, prompt, payload={"messages": [{"role": "user", "content": prompt}]})
    assert answered(line).statuses == {"ok": 1, "failed": 1}
    found = replies(line)
    assert found["model"]["text"] == "Yes."
    assert "it is in inference_result" in found["tool"]["error"]
    assert value(line, "SELECT max(length(error)) FROM inference_result") <= 1_000


def test_a_request_that_another_run_answers_is_replied_to_when_that_lands(
    line: Settings, fake: FakeSlot
) -> None:
    fake.tell(delay_ms=1_500)
    ask(line, "one")

    async def both() -> tuple[float, float]:
        ends = []

        async def run() -> None:
            await answer("generation", DAY, settings=line)
            ends.append(time.monotonic())

        first = asyncio.create_task(run())
        while not await asyncio.to_thread(value, line, "SELECT count(*) FROM job_claim"):
            pass
        await asyncio.gather(first, run())
        return ends[0], ends[1]

    first, second = asyncio.run(both())
    assert second - first < 3
    assert fake.stats()["requests"] == 1
    assert replies(line).keys() == {"one"}


TOOL = {"type": "function", "function": {"name": "search"}}
SHAPES: list[dict[str, Any]] = [
    {},
    {"response_format": schema_format({"type": "object", "required": ["a"]})},
    {"tools": [TOOL]},
    {"tools": [TOOL], "tool_choice": "required"},
]


@pytest.mark.timeout(1200)
def test_any_answer_to_a_request_becomes_one_reply(
    line: Settings, fake: FakeSlot, pytestconfig: pytest.Config
) -> None:
    bodies: list[bytes] = [NO_ROOM]

    @examples(
        max_examples=pytestconfig.getoption("--request-examples"),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(ANY_DOCUMENT.map(lambda document: json.dumps(document).encode()) | ANY_BYTES)
    def take(body: bytes) -> None:
        bodies.append(body)

    take()
    fake.send_bytes({f"p{number}": [body] for number, body in enumerate(bodies)})
    ask_each(
        line,
        {
            f"any-{number}": SHAPES[number % len(SHAPES)]
            | {"messages": [{"role": "user", "content": f"p{number}"}]}
            for number in range(len(bodies))
        },
    )
    impatient = line.model_copy(update=IMPATIENT)
    assert answered(impatient).statuses.total() == len(bodies)
    assert replies(line).keys() == {f"any-{number}" for number in range(len(bodies))}


def test_any_json_as_a_request_gets_one_reply(
    line: Settings, fake: FakeSlot, pytestconfig: pytest.Config
) -> None:
    payloads: list[Any] = []

    @examples(
        max_examples=pytestconfig.getoption("--request-examples"),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(REQUEST.filter(storable))
    def take(payload: Any) -> None:
        payloads.append(payload)

    take()
    fake.tell(say=["Yes.", "5", "{}"])
    ask_each(line, {f"any-{number}": payload for number, payload in enumerate(payloads)})
    assert answered(line).statuses.total() == len(payloads)
    assert replies(line).keys() == {f"any-{number}" for number in range(len(payloads))}
