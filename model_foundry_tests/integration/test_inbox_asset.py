"""`pipeline_event_inbox_record` as Dagster shows it: its value, its STEP_OUTPUT, its proof."""

from typing import Any

import dagster as dg

from model_foundry.settings import Settings
from model_foundry_tests.foundry import checks_of, materialize, metadata_of, undescribed
from model_foundry_tests.line import event, execute, publish, value

NAME = "pipeline_event_inbox_record"


def step_output(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """The metadata on the asset's STEP_OUTPUT."""
    [output] = [
        found
        for found in result.all_events
        if found.event_type_value == "STEP_OUTPUT" and found.step_key == NAME
    ]
    return {key: value.value for key, value in output.step_output_data.metadata.items()}


def test_an_empty_queue_gives_a_dict_and_shows_zeros(settings: Settings) -> None:
    result = materialize(settings, NAME)
    value = result.output_for_node(NAME)
    assert (value["status"], value["messages"], value["landed"]) == ("empty", 0, 0)
    for shown in (step_output(result), metadata_of(result, NAME)):
        assert shown["status"] == "empty"
        assert [shown[name] for name in ("messages", "landed", "quarantined")] == [0, 0, 0]
        assert shown["events"].records == []
        assert undescribed(shown) == []


def test_waiting_events_are_shown_as_a_table(settings: Settings) -> None:
    publish(settings, [event("llm.chat.persist", {}, event_id="e1", correlation_id="c1")])
    result = materialize(settings, NAME)
    assert result.output_for_node(NAME)["touched_days"] == {"2026-11-20": 1}
    [record] = step_output(result)["events"].records
    assert record.data == {
        "event_id": "e1",
        "subject": "llm.chat.persist",
        "correlation_id": "c1",
    }
    [check] = checks_of(result)
    assert check.passed


def test_the_proof_names_what_is_missing(settings: Settings) -> None:
    publish(settings, [event(event_id=f"e{number}") for number in range(3)])
    materialize(settings, NAME)
    execute(settings, "DELETE FROM event_inbox WHERE stream_seq = 2")
    execute(settings, "UPDATE stream_life SET through_seq = 0")
    [check] = checks_of(materialize(settings, NAME, raise_on_error=False))
    assert not check.passed
    assert "1 acknowledged sequence lies nowhere: 2." in str(check.description)


def test_the_row_count_is_that_of_the_table(settings: Settings) -> None:
    for come, counted in ((3, 3), (1, 4), (0, 4)):
        publish(settings, [event() for _ in range(come)])
        shown = metadata_of(materialize(settings, NAME), NAME)
        assert (shown["landed"], shown["dagster/row_count"]) == (come, counted)
        assert value(settings, "SELECT count(*) FROM event_inbox") == counted


def test_a_bound_in_the_run_config_ends_the_drain(settings: Settings) -> None:
    publish(settings, [event() for _ in range(5)])
    config = {"ops": {NAME: {"config": {"max_messages": 2}}}}
    assert metadata_of(materialize(settings, NAME, config=config), NAME)["status"] == "limit"
    replay = {"ops": {NAME: {"config": {"replay": {"from_seq": 1, "until_seq": 4}}}}}
    shown = metadata_of(materialize(settings, NAME, config=replay), NAME)
    assert (shown["messages"], shown["landed"], shown["redelivered"]) == (4, 2, 2)
