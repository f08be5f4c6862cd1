"""Requests that come over NATS, answered by the real slots, and replied to once."""

import asyncio
from typing import Any

import dagster as dg
import pytest

from model_foundry.assets.resource import Foundry
from model_foundry.errors import FoundryError
from model_foundry.intake.drain import drain
from model_foundry.settings import Settings
from model_foundry_tests.conftest import EmbeddedSlots
from model_foundry_tests.foundry import location, materialize, metadata_of
from model_foundry_tests.line import Raw, event, execute, publish, rows, value

DAY = "2026-11-20"
ASSETS = ("llm_request", "generation_request", "translation_request")
ASKED = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 12, "seed": 1}


@pytest.fixture(autouse=True)
def slots(slot_servers: EmbeddedSlots, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded slots, where the fleet file looks for them."""
    for name in slot_servers:
        monkeypatch.setenv(f"MODEL_FOUNDRY_SLOT_{name.upper()}_URL", slot_servers[name].url)


def generation(event_id: str, payload: Any = None, **fields: Any) -> Raw:
    return event("llm.generation.request", payload or ASKED, event_id=event_id, **fields)


def come(settings: Settings, *events: Raw) -> None:
    publish(settings, events)
    asyncio.run(drain(settings))


def answer(settings: Settings) -> dg.ExecuteInProcessResult:
    """Answer what waits, and take in what was published."""
    result = materialize(settings, *ASSETS, day=DAY)
    asyncio.run(drain(settings))
    return result


def replies(settings: Settings, kind: str) -> dict[str, dict[str, Any]]:
    found = rows(
        settings,
        "SELECT causation_id, correlation_id, payload FROM event_inbox WHERE subject = %s",
        f"llm.{kind}.result",
    )
    return {
        row["causation_id"]: {**row["payload"], "correlation_id": row["correlation_id"]}
        for row in found
    }


def test_a_request_is_answered_once_over_nats(settings: Settings) -> None:
    come(settings, generation("one", {**ASKED, "max_tokens": 200}, correlation_id="session-7"))
    figures = metadata_of(answer(settings), "generation_request", DAY)
    assert (figures["dagster/partition_row_count"], figures["refused"]) == (1, 0)
    [(causation_id, reply)] = replies(settings, "generation").items()
    assert (causation_id, reply["correlation_id"]) == ("one", "session-7")
    assert reply["request_event_id"] == "one"
    [kept] = rows(settings, "SELECT * FROM inference_result")
    assert (kept["recipe"], kept["source_event_id"]) == ("request", "one")
    assert (reply["status"], reply["text"]) == (kept["status"], kept["response_text"])
    assert reply["usage"]["completion_tokens"] == kept["output_tokens"] > 0
    assert reply["timings"]["duration_ms"] > 0

    assert (figures["asked"], figures["output_tokens"]) == (1, kept["output_tokens"])
    [shown] = figures["replies"].records
    assert (shown.data["request_event_id"], shown.data["status"]) == ("one", reply["status"])
    [summary] = figures["summary"].records
    assert (summary.data["slot"], summary.data["jobs"]) == (kept["slot"], 1)
    assert [record.data["job_id"] for record in figures["results"].records] == [kept["job_id"]]
    assert figures["plot"].startswith("![Whole request](data:image/svg+xml;base64,")

    again = metadata_of(answer(settings), "generation_request", DAY)
    assert (again["asked"], again["dagster/partition_row_count"]) == (0, 1)
    assert value(settings, "SELECT count(*) FROM event_inbox") == 2


def test_a_translation_keeps_what_is_not_translated(settings: Settings) -> None:
    text = "今日は天気がいいですね。\n\n```\nコード\n```\n  English stays.\n"
    asked = {"text": text, "from": "ja", "to": "en"}
    come(settings, event("llm.translation.request", asked, event_id="t"))
    answer(settings)
    reply = replies(settings, "translation")["t"]
    [kept] = rows(settings, "SELECT * FROM inference_result")
    assert (reply["status"], kept["kind"], kept["role"]) == ("ok", "translation", "translator")
    translated = kept["response_text"].strip()
    assert reply["text"] == f"{translated}\n\n```\nコード\n```\n  English stays.\n"


def test_what_is_no_request_is_told_so_and_stops_nothing(settings: Settings) -> None:
    come(
        settings,
        generation("no messages", {"role": "worker"}),
        generation("empty", {"messages": []}),
        generation("no such role", {**ASKED, "role": "poet"}),
        event("llm.translation.request", {"text": "a", "from": "xx", "to": "en"}, event_id="xx"),
        generation("good"),
    )
    result = answer(settings)
    found = replies(settings, "generation")
    assert found["good"]["status"] in {"ok", "rejected"}  # it is cut off at 12 tokens
    assert found["no messages"]["status"] == found["empty"]["status"] == "refused"
    assert "messages" in found["no messages"]["error"]
    assert found["no such role"]["status"] == "refused"
    assert "'poet'; known: orchestrator, translator, worker" in found["no such role"]["error"]
    refused = replies(settings, "translation")["xx"]
    assert (refused["status"], "'xx' is not known" in refused["error"]) == ("refused", True)
    shown = metadata_of(result, "translation_request", DAY)
    assert (shown["refused"], "plot" in shown) == (1, False)
    [record] = shown["replies"].records
    assert (record.data["request_event_id"], record.data["status"]) == ("xx", "refused")
    assert "'xx' is not known" in record.data["error"]


def test_requests_wait_while_the_fleet_file_is_wrong(settings: Settings) -> None:
    come(settings, generation("one"))
    wrong = settings.model_copy(update={"profile": "no-such-profile"})
    with pytest.raises(FoundryError, match="no profile 'no-such-profile'"):
        materialize(wrong, *ASSETS, day=DAY)
    assert value(settings, "SELECT count(*) FROM request_reply") == 0
    answer(settings)
    assert list(replies(settings, "generation")) == ["one"]


def test_a_reply_that_is_published_twice_lands_once(settings: Settings) -> None:
    come(settings, generation("one"))
    answer(settings)
    execute(settings, "DELETE FROM request_reply")  # as if it had died before it knew
    answer(settings)
    assert len(replies(settings, "generation")) == 1
    assert value(settings, "SELECT count(*) FROM inference_result") == 1


def test_the_sensor_asks_for_the_days_that_wait(settings: Settings) -> None:
    definitions = location()
    sensor = definitions.resolve_sensor_def("requests_waiting")

    def asked() -> list[str | None]:
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(
                instance=instance,
                repository_def=definitions.get_repository_def(),
                resources={"foundry": Foundry(settings)},
            )
            return [
                request.partition_key
                for request in sensor.evaluate_tick(context).run_requests or ()
            ]

    assert asked() == []
    come(settings, generation("one"), generation("other day", occurred_at="2026-11-21T00:00:00Z"))
    materialize(settings, "llm_request", days=(DAY, "2026-11-21"))
    assert asked() == [DAY, "2026-11-21"]
    materialize(settings, "generation_request", days=(DAY, "2026-11-21"))
    assert asked() == []
