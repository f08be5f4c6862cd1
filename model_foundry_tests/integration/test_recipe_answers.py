"""Recipes on a slot that answers as told: shapes, repairs, samples, lineage, what is shown."""

from pathlib import Path
from typing import Any

import pytest

from model_foundry.settings import Settings
from model_foundry_tests.fake_slot import FakeSlot
from model_foundry_tests.foundry import checks_of, metadata_of
from model_foundry_tests.line import rows
from model_foundry_tests.recipes import DAY, attributes, chats_in, run, with_slots, write

SCORE = {
    "type": "object",
    "properties": {"score": {"type": "integer", "minimum": 1, "maximum": 5}},
    "required": ["score"],
}
SEARCH = {
    "type": "function",
    "function": {
        "name": "search",
        "parameters": {
            "type": "object",
            "properties": {"query": {"type": "string"}},
            "required": ["query"],
        },
    },
}
GOOD, BAD = '{"score": 4}', '{"score": 9}'


@pytest.fixture
def chats(settings: Settings, fake: FakeSlot) -> Settings:
    """Two chats of the day in `llm_chat`, and the fake slot as the fleet."""
    chats_in(settings, {"c1": "Question 1", "c2": "Question 2"})
    return with_slots(settings, fake.slot())


def results(settings: Settings) -> list[dict[str, Any]]:
    return rows(settings, "SELECT * FROM inference_result ORDER BY source_event_id, source_part")


def test_json_that_fits_lands_and_was_asked_for_with_its_schema(
    root: Path, chats: Settings, fake: FakeSlot
) -> None:
    fake.tell(say=[GOOD])
    write(root, "score", attributes(output={"json_schema": "s.json"}), s_json=SCORE)
    result = run(root, chats, "generation_score")
    asked = fake.stats()
    assert asked["body"]["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "score", "schema": SCORE, "strict": True},
    }
    assert asked["requests"] == 2
    for row in results(chats):
        assert (row["status"], row["response_text"], row["attempts"]) == ("ok", GOOD, 1)
        assert row["sent_back_text"] is None
    shown = metadata_of(result, "generation_score", DAY)
    assert (shown["done"], shown["input_tokens"], shown["output_tokens"]) == ("2/2", 60, 22)
    [check] = checks_of(result)
    assert (check.passed, check.description) == (True, None)


def test_an_unfit_answer_is_repaired_in_a_further_turn(
    root: Path, chats: Settings, fake: FakeSlot
) -> None:
    fake.tell(say=[BAD, GOOD])
    write(root, "score", attributes(output={"json_schema": SCORE}))
    result = run(root, chats, "generation_score")
    turns = fake.stats()["body"]["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert turns[1]["content"] == BAD
    assert "9 is greater than the maximum of 5" in turns[2]["content"]
    for row in results(chats):
        assert (row["status"], row["response_text"], row["attempts"]) == ("ok", GOOD, 2)
        assert row["sent_back_text"] == BAD
        assert (row["input_tokens"], row["output_tokens"]) == (60, 22)
        assert len(row["request"]["messages"]) == 1
    shown = metadata_of(result, "generation_score", DAY)
    assert (shown["output_tokens"], shown["asked"], shown["rejected"]) == (44, 2, 0)
    again = metadata_of(run(_again(root), chats, "generation_score"), "generation_score", DAY)
    assert (again["asked"], again["cached"]) == (0, 2)
    assert fake.stats()["requests"] == 4


def _again(root: Path) -> Path:
    write(root, "score", attributes(output={"json_schema": SCORE}))
    return root


@pytest.mark.parametrize(
    ("say", "kind"), [(["no", "still no"], "invalid_json"), (["no", BAD], "schema_mismatch")]
)
def test_what_is_unfit_twice_is_rejected_kept_and_counted(
    root: Path, chats: Settings, fake: FakeSlot, say: list[str], kind: str
) -> None:
    fake.tell(say=say)
    result = run(_again(root), chats, "generation_score")
    assert fake.stats()["requests"] == 4
    for row in results(chats):
        assert (row["status"], row["error_kind"], row["attempts"]) == ("rejected", kind, 2)
        assert (row["sent_back_text"], row["response_text"]) == (say[0], say[1])
    shown = metadata_of(result, "generation_score", DAY)
    assert (shown["done"], shown["rejected"], shown["failed"]) == ("2/2", 2, 0)
    [unfit] = shown["not_ok"].records
    assert (unfit.data["status"], unfit.data["error_kind"], unfit.data["jobs"]) == (
        "rejected", kind, 2,
    )  # fmt: skip
    [check] = checks_of(result)
    assert check.passed
    assert f"2 {kind} (use slots that enforce response_format" in str(check.description)
    assert check.metadata["rejected"].value == 2


def test_a_repair_that_cannot_be_asked_for_leaves_the_answer_rejected(
    root: Path, chats: Settings, fake: FakeSlot
) -> None:
    # What is wrong with the answer stands in the repair turn, and there the fake reads its fault.
    fake.tell(say=['{"score": 1}'])
    fault = {"type": "object", "properties": {"score": {"enum": ["!fault=400!"]}}}
    write(root, "score", attributes(output={"json_schema": fault}))
    run(root, chats, "generation_score")
    for row in results(chats):
        assert (row["status"], row["error_kind"]) == ("rejected", "schema_mismatch")
        assert row["response_text"] == '{"score": 1}'
        assert "asked to repair it" in row["error"]
        assert row["sent_back_text"] == row["response_text"]


@pytest.mark.parametrize(
    ("say", "status", "kind"),
    [
        ([[{"name": "search", "arguments": '{"query": "x"}'}]], "ok", None),
        ([[{"name": "delete", "arguments": "{}"}]], "rejected", "unknown_tool"),
        ([[{"name": "search", "arguments": "{}"}]], "rejected", "invalid_arguments"),
        (["I will not."], "rejected", "no_tool_call"),
        (
            [
                [{"name": "delete", "arguments": "{}"}],
                [{"name": "search", "arguments": '{"query": "x"}'}],
            ],
            "ok",
            None,
        ),
    ],
)
def test_tool_calls_are_asked_for_and_checked(
    root: Path, chats: Settings, fake: FakeSlot, *, say: list[Any], status: str, kind: str | None
) -> None:
    fake.tell(say=say)
    write(root, "look_up", attributes(tools="t.json", tool_choice="search"), t_json=[SEARCH])
    run(root, chats, "generation_look_up")
    body = fake.stats()["body"]
    assert body["tools"] == [SEARCH]
    assert body["tool_choice"] == "required"  # llama.cpp knows no tool by name
    for row in results(chats):
        assert (row["status"], row["error_kind"]) == (status, kind)
        if status == "ok":
            [call] = row["tool_calls"]
            assert call["function"] == {"name": "search", "arguments": '{"query": "x"}'}


def test_each_sample_is_a_job_of_its_own_and_more_ask_only_the_new_ones(
    root: Path, chats: Settings, fake: FakeSlot
) -> None:
    write(root, "one", attributes())
    run(root, chats, "generation_one")
    assert fake.stats()["requests"] == 2
    write(root, "one", attributes(samples=3))
    run(root, chats, "generation_one")
    assert fake.stats()["requests"] == 6
    found = [(row["source_part"], row["request"].get("seed")) for row in results(chats)]
    assert found == [("", None), ("sample/2", 1), ("sample/3", 2)] * 2
    assert len({row["job_id"] for row in results(chats)}) == 6


@pytest.mark.parametrize(
    ("declared", "sent"),
    [({}, None), ({"thinking": True}, True), ({"thinking": False}, False)],
)
def test_thinking_and_sampling_are_sent(
    root: Path, chats: Settings, fake: FakeSlot, declared: dict[str, Any], sent: bool | None
) -> None:
    sampling = {"temperature": 0.5, "top_p": 0.9, "max_tokens": 7, "seed": 3, "stop": ["END"]}
    write(root, "one", attributes(sampling=sampling, **declared))
    run(root, chats, "generation_one")
    body = fake.stats()["body"]
    assert sampling.items() <= body.items()
    assert body.get("chat_template_kwargs") == (None if sent is None else {"enable_thinking": sent})


def test_a_row_of_several_events_names_them_all_and_keeps_its_columns(
    root: Path, chats: Settings, fake: FakeSlot
) -> None:
    source = """
    SELECT min(event_id) AS source_event_id, array_agg(event_id ORDER BY event_id)
        AS source_event_ids, 'day' AS source_part, NULL AS correlation_id, count(*) AS chats,
        jsonb_agg(messages -> 0 ORDER BY event_id) AS messages
    FROM llm_chat WHERE occurred_on = %(day)s HAVING count(*) > 0
    """
    write(
        root,
        "both",
        attributes(keep=["chats"]),
        source_sql=source,
        system_md="You sum up {{ chats }} chats.",
        prompt_md="Sum up.",
    )
    run(root, chats, "generation_both")
    [row] = results(chats)
    assert row["source_event_id"] == "c1"
    assert row["source_event_ids"] == ["c1", "c2"]
    assert row["source_row"] == {"chats": 2}
    said = [(turn["role"], turn["content"]) for turn in row["request"]["messages"]]
    assert said == [
        ("system", "You sum up 2 chats."),
        ("user", "Question 1"),
        ("user", "Question 2"),
        ("user", "Sum up."),
    ]


@pytest.mark.parametrize(
    ("declared", "files", "what"),
    [
        ({}, {"prompt_md": "{{ user_txet }}"}, r"prompt\.md: 'user_txet' is undefined.*user_text"),
        ({}, {"prompt_md": None}, r"prompt\.md: is missing"),
        ({"keep": ["nothing"]}, {}, r"source\.sql: gives no column nothing"),
        ({}, {"source_sql": "SELECT 1 AS a"}, "gives no column source_event_id"),
    ],
)
def test_what_the_rows_lack_is_named(
    root: Path, chats: Settings, declared: dict[str, Any], files: dict[str, Any], what: str
) -> None:
    write(root, "odd", attributes(**declared), **files)
    with pytest.raises(Exception, match=what):
        run(root, chats, "generation_odd")


def test_a_job_without_an_answer_fails_the_check_which_says_what_to_do(
    root: Path, chats: Settings, fake: FakeSlot
) -> None:
    fake.tell(fault="400")
    write(root, "one", attributes())
    result = run(root, chats, "generation_one")
    [check] = checks_of(result)
    assert not check.passed
    assert f"Without an answer: 2 on {DAY}" in str(check.description)
    assert "materialize these days again" in str(check.description)
    assert metadata_of(result, "generation_one", DAY)["done"] == "0/2"
