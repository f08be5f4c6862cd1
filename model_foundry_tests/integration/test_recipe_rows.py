"""Source rows that nothing can be asked about: each fails alone, and the others are asked."""

from pathlib import Path

import dagster as dg
import pytest

from model_foundry.settings import Settings
from model_foundry_tests.fake_slot import FakeSlot
from model_foundry_tests.foundry import checks_of, metadata_of
from model_foundry_tests.line import rows
from model_foundry_tests.recipes import DAY, attributes, chats_in, load, run, with_slots, write

TEXTS = {"c1": "one", "c2": "twelve", "c3": "7", "c4": "four"}


@pytest.fixture
def chats(settings: Settings, fake: FakeSlot) -> Settings:
    """Four chats of the day, and the fake slot as the fleet."""
    chats_in(settings, TEXTS)
    return with_slots(settings, fake.slot(roles=["worker", "translator"]))


def select(columns: str, rest: str = "", **changes: str) -> str:
    """A source over the day's chats."""
    given = {"source_event_id": "event_id", "source_part": "''", "correlation_id": "correlation_id"}
    named = ", ".join(f"{what} AS {name}" for name, what in (given | changes).items())
    return f"SELECT {named}, {columns} FROM llm_chat WHERE occurred_on = %(day)s {rest}"


def statuses(settings: Settings, recipe: str = "odd") -> dict[str, tuple[str, str | None]]:
    found = rows(
        settings,
        "SELECT * FROM inference_result WHERE recipe = %s ORDER BY source_event_id",
        recipe,
    )
    return {row["source_event_id"]: (row["status"], row["error_kind"]) for row in found}


OK = ("ok", None)
LEFT_OUT = ("failed", "source_row")
C2_IS_BAD = {"c1": OK, "c2": LEFT_OUT, "c3": OK, "c4": OK}


def messages(of_c2: str) -> str:
    """The conversation of each chat, but another one of c2."""
    return select(f"CASE event_id WHEN 'c2' THEN '{of_c2}'::jsonb ELSE messages END AS messages")


# Source, prompt, and what is told of c2.
BAD_ROWS = {
    "null": (select("nullif(user_text, 'twelve') AS text"), "Say: {{ text }}", "NULL: text"),
    "sliced": (select("nullif(user_text, 'twelve') AS text"), "{{ text[:3] }}", "NULL: text"),
    "divided": (select("length(user_text) - 6 AS n"), "{{ 1 / n }}", "division by zero"),
    "deep": (
        select("to_jsonb(length(user_text)) AS n, user_text"),
        "{{ user_text if n != 6 else n.deep.er }}",
        "deep",
    ),
    "empty": (messages("[]"), None, "the row has no messages"),
    "nothing": (messages("null"), None, "the row has no messages"),
    "a_text": (messages('"text"'), None, "messages is no list"),
    "texts": (messages('["text"]'), None, "messages is no list"),
    "a_message": (messages('{"role": "user"}'), None, "messages is no list"),
    "system": (messages('[{"role": "system", "content": "x"}]'), None, "the row has no messages"),
}


def test_a_row_that_cannot_be_asked_about_fails_alone(root: Path, chats: Settings) -> None:
    for name, (source, prompt, _) in BAD_ROWS.items():
        write(root, name, attributes(), source_sql=source, prompt_md=prompt)
    result = run(root, chats, *(f"generation_{name}" for name in BAD_ROWS))
    for name, (_, _, told) in BAD_ROWS.items():
        assert statuses(chats, name) == C2_IS_BAD
        which = "SELECT * FROM inference_result WHERE status = 'failed' AND recipe = %s"
        [bad] = rows(chats, which, name)
        assert told in bad["error"]
        assert (bad["source_event_ids"], bad["correlation_id"]) == (["c2"], "session-c2")
        assert (bad["attempts"], bad["slot"]) == (0, None)
        shown = metadata_of(result, f"generation_{name}", DAY)
        assert (shown["done"], shown["failed"]) == ("3/4", 1)
        [unfit] = shown["not_ok"].records
        assert unfit.data["error_kind"] == "source_row"
    for check in checks_of(result):
        assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_a_row_that_is_mended_is_asked_and_no_failure_stays(
    root: Path, chats: Settings, fake: FakeSlot
) -> None:
    for text in ("nullif(user_text, 'twelve')", "user_text"):
        for _ in range(2):
            source = select(f"{text} AS text")
            write(root, "odd", attributes(), source_sql=source, prompt_md="{{ text }}")
            result = run(root, chats, "generation_odd")
    assert statuses(chats) == dict.fromkeys(TEXTS, OK)
    assert fake.stats()["requests"] == 4
    assert checks_of(result)[0].passed


BAD_SQL = {
    "column": select("1 / (length(user_text) - 6) AS n"),
    "limited": select("1 / (length(user_text) - 6) AS n", "ORDER BY occurred_at, event_id LIMIT 3"),
    "filter": select("1 AS n", "AND 1 / (length(user_text) - 6) < 9"),
    "order": select("1 AS n", "ORDER BY 1 / (length(user_text) - 6), event_id"),
    "number": select("(CASE user_text WHEN 'twelve' THEN user_text ELSE '1' END)::int AS n"),
    "bytes": select("set_byte('\\x00'::bytea, (user_text = 'twelve')::int, 7) AS n"),
    "cte": f"WITH c AS MATERIALIZED ({select('1 / (length(user_text) - 6) AS n')}) SELECT * FROM c",
    "grouped": select(
        "count(*) AS n",
        "GROUP BY event_id, correlation_id, user_text HAVING 1 / (length(user_text) - 6) < 9",
    ),
}


def test_an_event_that_the_sql_cannot_compute_with_fails_alone(root: Path, chats: Settings) -> None:
    for name, source in BAD_SQL.items():
        write(root, name, attributes(), source_sql=f"{source};", prompt_md="{{ n }}")
    result = run(root, chats, *(f"generation_{name}" for name in BAD_SQL))
    for name in BAD_SQL:
        assert statuses(chats, name) == C2_IS_BAD
        which = "SELECT * FROM inference_result WHERE status = 'failed' AND recipe = %s"
        [bad] = rows(chats, which, name)
        assert "source.sql cannot be computed for this event: " in bad["error"]
        assert (bad["source_event_ids"], bad["correlation_id"]) == (["c2"], "session-c2")
        assert metadata_of(result, f"generation_{name}", DAY)["done"] == "3/4"


def test_several_bad_events_are_found(root: Path, chats: Settings) -> None:
    source = select("100 / (length(user_text) - 3) + 100 / (length(user_text) - 4) AS n")
    write(root, "odd", attributes(), source_sql=source, prompt_md="{{ n }}")
    run(root, chats, "generation_odd")
    assert statuses(chats) == {"c1": LEFT_OUT, "c2": OK, "c3": OK, "c4": LEFT_OUT}


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            "SELECT 'x' AS source_event_id, '' AS source_part, '' AS correlation_id, 1 / count(*)"
            " FROM llm_chat WHERE false",
            "division by zero; leaving out events of llm_chat does not help",
        ),
        (
            select("1 / (count(*) OVER () - 4) AS text"),
            "source.sql cannot be computed for 2026-11-20",
        ),
    ],
)
def test_where_no_event_is_to_blame_the_run_says_so(
    root: Path, chats: Settings, source: str, told: str
) -> None:
    write(root, "odd", attributes(), source_sql=source, prompt_md="x")
    with pytest.raises(Exception, match=told):
        run(root, chats, "generation_odd")
    assert statuses(chats) == {}


def test_a_mistake_in_the_sql_is_no_events_fault(root: Path, chats: Settings) -> None:
    write(root, "odd", attributes(), source_sql=select("no_such_column"), prompt_md="x")
    with pytest.raises(Exception, match="no_such_column"):
        run(root, chats, "generation_odd")
    assert statuses(chats) == {}


def test_columns_of_any_type_land_as_text(root: Path, chats: Settings) -> None:
    kept = {
        "ip": ("inet '10.0.0.1'", "10.0.0.1"),
        "span": ("int4range(1, 5)", "[1, 5)"),
        "raw": ("'\\x00ff'::bytea", "AP8="),
        "big": (f"'[{'9' * 30}]'::jsonb", [int("9" * 30)]),
        "many": ("ARRAY[inet '10.0.0.1', NULL]", ["10.0.0.1", None]),
        "ever": ("'infinity'::timestamptz", "infinity"),
        "old": ("'0044-03-15 BC'::date", "0044-03-15 BC"),
        "point": ("point '(1,2)'", "(1,2)"),
        "number": ("'NaN'::numeric", "NaN"),
        "nul": ("'{\"a\": 1}'::jsonb", {"a": 1}),
        "none": ("NULL", None),
    }
    columns = ", ".join(f"{what} AS {name}" for name, (what, _) in kept.items())
    source = select(
        f"{columns}, user_text",
        source_event_id="md5(event_id)::uuid",
        source_part="NULL::int",
        correlation_id="length(user_text)",
    )
    write(root, "odd", attributes(keep=[*kept]), source_sql=source)
    run(root, chats, "generation_odd")
    found = rows(chats, "SELECT * FROM inference_result")
    assert [row["status"] for row in found] == ["ok"] * 4
    for row in found:
        assert row["source_row"] == {name: plain for name, (_, plain) in kept.items()}
        assert row["source_part"] == ""
        assert row["source_event_ids"] == [row["source_event_id"]]
        assert row["correlation_id"] in {"1", "3", "4", "6"}


def test_rows_that_are_alike_are_asked_once(root: Path, chats: Settings, fake: FakeSlot) -> None:
    source = select("'x' AS user_text", source_event_id="NULL", correlation_id="NULL")
    write(root, "odd", attributes(), source_sql=source)
    result = run(root, chats, "generation_odd")
    assert fake.stats()["requests"] == 1
    assert metadata_of(result, "generation_odd", DAY)["done"] == "1/1"


def test_a_text_that_is_null_is_not_translated(root: Path, chats: Settings) -> None:
    declared = attributes(role="translator", source_language="en", target_language="de")
    source = select("nullif(user_text, 'twelve') AS text")
    write(root, "odd", declared, component="TranslationRecipe", source_sql=source)
    run(root, chats, "translation_odd")
    expected = C2_IS_BAD.copy()
    del expected["c3"]  # has no letter
    assert statuses(chats) == expected


def test_a_day_with_nothing_answered_is_an_error(
    root: Path, chats: Settings, fake: FakeSlot
) -> None:
    fake.tell(fault="400")
    write(root, "odd", attributes())
    [check] = checks_of(run(root, chats, "generation_odd"))
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert f"Nothing at all was answered on {DAY}" in str(check.description)


def test_json_in_a_fence_is_taken_where_the_recipe_says_so(
    root: Path, chats: Settings, fake: FakeSlot
) -> None:
    fake.tell(say=['```json\n{"score": 3}\n```'])
    schema = {"type": "object", "required": ["score"]}
    output = {"json_schema": schema, "accept": "unfence"}
    write(root, "odd", attributes(output=output))
    run(root, chats, "generation_odd")
    found = rows(chats, "SELECT *, response_text::jsonb AS score FROM inference_result")
    assert [(row["status"], row["attempts"]) for row in found] == [("ok", 1)] * 4
    assert [row["score"] for row in found] == [{"score": 3}] * 4
    # What is taken is no part of a job's identity: nothing is asked again.
    write(root, "odd", attributes(output={"json_schema": schema}))
    result = run(root, chats, "generation_odd")
    assert metadata_of(result, "generation_odd", DAY)["cached"] == 4


@pytest.mark.parametrize(
    ("role", "told"),
    [
        ("wroker", " (did you mean worker?)"),
        ("poet", "; served: orchestrator, translator, worker"),
    ],
)
def test_a_role_that_no_slot_has_fails_the_load(root: Path, role: str, told: str) -> None:
    write(root, "odd", attributes(role=role))
    with pytest.raises(Exception, match="odd") as caught:
        load(root)
    text = ""
    error: BaseException | None = caught.value
    while error is not None:
        text, error = f"{text}\n{error}", error.__cause__ or error.__context__
    assert f"role is '{role}', which no slot of the profile standard serves{told}" in text


def test_a_fleet_that_is_wrong_does_not_stop_the_load(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MODEL_FOUNDRY_FLEET", str(tmp_path / "none.yaml"))
    write(root, "odd", attributes())
    assert [spec.key.to_user_string() for spec in load(root).resolve_all_asset_specs()][-1]
