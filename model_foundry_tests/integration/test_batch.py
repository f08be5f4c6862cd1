"""`model-foundry batch` on a real PostgreSQL: files in, answers and errors out."""

import gzip
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from model_foundry.batch import files
from model_foundry.batch.batch import Batch, Stand
from model_foundry.batch.target import Targets
from model_foundry.cli import app
from model_foundry.devstack.slots import SlotServer
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry_tests.asking import QUICK
from model_foundry_tests.batches import completion, environment, line, read, write
from model_foundry_tests.fake_slot import FakeSlot
from model_foundry_tests.line import connection_to, rows

SEARCH = {"type": "function", "function": {"name": "search"}}


def batch(env: Mapping[str, str], *arguments: object) -> Result:
    return CliRunner().invoke(app, ["batch", *map(str, arguments)], env=dict(env))


def test_bad_lines_at_its_beginning_keep_no_other_from_being_asked(
    settings: Settings, tmp_path: Path, out: Path
) -> None:
    lines = [line(f"bad-{n}", "!fault=400!") for n in range(30)]
    lines += [line(f"good-{n}") for n in range(10)]
    with FakeSlot(parallel=1) as fake:
        done = batch(
            environment(settings, fake.slot()), write(tmp_path / "in.jsonl", lines), "--out", out
        )
    assert done.exit_code == 1, done.output
    assert custom_ids(out) == [f"good-{n}" for n in range(10)]


def custom_ids(path: Path) -> list[str | None]:
    return [each["custom_id"] for each in read(path)]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "answers" / "out.jsonl"


def test_good_lines_are_answered_in_order_and_bad_ones_explained(
    settings: Settings, tmp_path: Path, out: Path
) -> None:
    lines: list[Any] = [
        b"\xef\xbb\xbf" + json.dumps(line("one", "slow", temperature=0, user="me")).encode(),
        b"{ not JSON",
        line("cut", "!fault=length! cut"),
        b"\r",
        completion("raw", "Once upon"),
        line("one", "again"),
        line("never", "!fault=400! no"),
        {"custom_id": "bare"},
        line("called", "!fault=tool-call! call", tools=[SEARCH]),
        line("odd", "x", n=2),
        line("model", "x", model="gpt-4o"),
        line("odd", "x"),
        line("last", "same question", model="fake-model"),
    ]  # fmt: skip
    file = write(tmp_path / "in.jsonl", lines)
    with FakeSlot(parallel=4) as fake:
        done = batch(environment(settings, fake.slot()), file, "--out", out)
    assert done.exit_code == 1, done.output
    answers = {each["custom_id"]: each["response"]["body"]["choices"][0] for each in read(out)}
    assert list(answers) == ["one", "cut", "raw", "called", "last"]
    assert answers["one"]["message"]["content"] == "Answer to: slow"
    assert answers["cut"]["finish_reason"] == "length"
    assert answers["raw"]["text"] == "Answer to: Once upon"
    assert answers["called"]["message"]["tool_calls"][0]["function"]["name"] == "search"
    errors = read(out.with_suffix(".errors.jsonl"))
    assert [(each["custom_id"], each["error"]["code"]) for each in errors] == [
        (None, "invalid_json_line"),
        ("one", "duplicate_custom_id"),
        ("never", "bad_request"),
        ("bare", "invalid_method"),
        ("odd", "unsupported_parameter"),
        ("model", "model_not_found"),
        ("odd", "duplicate_custom_id"),
    ]
    assert "HTTP 400" in errors[2]["error"]["message"]
    assert "5 answers in" in done.output
    assert "user (1)" in done.output
    landed = rows(settings, "SELECT * FROM inference_result WHERE recipe = 'batch'")
    assert {row["source_part"] for row in landed} == {
        *(f"worker/{custom_id}" for custom_id in ("one", "cut", "raw", "never", "called")),
        "fake-model/last",
    }
    assert len({row["correlation_id"] for row in landed}) == 1


def test_a_second_run_asks_only_what_has_no_answer_and_writes_the_same(
    settings: Settings, tmp_path: Path, out: Path
) -> None:
    lines = [line(f"{number}") for number in range(120)]
    file = write(tmp_path / "in.jsonl", [*lines, line("late", "!fault=400,times=1! x")])
    with FakeSlot() as fake:
        env = environment(settings, fake.slot())
        first = batch(env, file, "--out", out, "--json")
        assert json.loads(first.stdout)["errors_by_code"] == {"bad_request": 1}
        written = out.read_bytes()
        second = batch(env, file, "--out", out, "--json")
        assert (second.exit_code, fake.stats()["requests"]) == (0, 122)
    told = json.loads(second.stdout)
    assert (told["asked"], told["cached"], told["answers"], told["errors"]) == (1, 120, 121, 0)
    assert out.read_bytes().startswith(written)
    assert custom_ids(out) == [*(str(number) for number in range(120)), "late"]
    assert read(out.with_suffix(".errors.jsonl")) == []


def test_a_model_s_lines_go_to_its_slots_side_by_side(
    settings: Settings, tmp_path: Path, out: Path
) -> None:
    lines = [line(f"{n}", model=("large", "small", "worker")[n % 3]) for n in range(90)]
    file = write(tmp_path / "in.jsonl", lines)
    with FakeSlot(name="a", model="large") as large, FakeSlot(name="b", model="small") as small:
        done = batch(environment(settings, large.slot(), small.slot()), file, "--out", out)
    assert done.exit_code == 0, done.output
    assert custom_ids(out) == [str(number) for number in range(90)]
    asked = rows(
        settings,
        "SELECT split_part(source_part, '/', 1) AS model, array_agg(DISTINCT slot) AS slots, "
        "count(*) AS n FROM inference_result GROUP BY 1 ORDER BY 1",
    )
    assert [(row["model"], row["n"]) for row in asked] == [
        ("large", 30),
        ("small", 30),
        ("worker", 30),
    ]
    assert [asked[0]["slots"], asked[1]["slots"]] == [["a"], ["b"]]


def test_any_model_will_do_where_that_is_said(
    settings: Settings, tmp_path: Path, out: Path
) -> None:
    file = write(tmp_path / "in.jsonl", [line("a", model="gpt-4o"), line("b", model="gpt-4o")])
    with FakeSlot() as fake:
        env = environment(settings, fake.slot())
        assert batch(env, file, "--out", out).exit_code == 1
        assert fake.stats()["requests"] == 0
        assert batch(env, file, "--out", out, "--any-model").exit_code == 0
        assert fake.stats()["body"]["model"] == "fake-model"
    assert custom_ids(out) == ["a", "b"]


def test_what_a_line_says_beyond_a_request_reaches_the_server(
    settings: Settings, tmp_path: Path, out: Path
) -> None:
    file = write(tmp_path / "in.jsonl", [line("a", logit_bias={"5": -1}, frequency_penalty=0.5)])
    with FakeSlot() as fake:
        assert batch(environment(settings, fake.slot()), file, "--out", out).exit_code == 0
        body = fake.stats()["body"]
    assert (body["logit_bias"], body["frequency_penalty"]) == ({"5": -1}, 0.5)


def test_packed_files_and_lines_without_an_end_are_read(
    settings: Settings, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LINE_MAX_BYTES", 2_000_000)
    lines: list[Any] = [line("a"), b"x" * 3_000_000, line("b"), b"y" * 2_000_001]
    file = write(tmp_path / "in.jsonl", lines)
    packed = tmp_path / "in.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    with FakeSlot() as fake:
        done = batch(environment(settings, fake.slot()), packed, "--out", out)
    assert done.exit_code == 1, done.output
    assert custom_ids(out) == ["a", "b"]
    errors = read(out.with_suffix(".errors.jsonl"))
    assert [each["error"]["code"] for each in errors] == ["line_too_long", "line_too_long"]


def test_a_file_that_breaks_off_asks_nothing(settings: Settings, tmp_path: Path, out: Path) -> None:
    file = write(tmp_path / "in.jsonl", [line(f"{number}") for number in range(5_000)])
    file.write_bytes(gzip.compress(file.read_bytes())[:-2_000])
    with FakeSlot() as fake:
        done = batch(environment(settings, fake.slot()), file, "--out", out)
        assert fake.stats()["requests"] == 0
    assert done.exit_code == 1
    assert "cut off or damaged after line" in done.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--role", "translator"], "no slot of profile standard serves the role 'translator'"),
        (["--errors", "{out}"], "three different files"),
        (["--errors", "{folder}"], "is a folder"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_asked(
    settings: Settings, tmp_path: Path, out: Path, arguments: list[str], said: str
) -> None:
    file = write(tmp_path / "in.jsonl", [line("a")])
    with FakeSlot() as fake:
        given = [each.format(out=out, folder=tmp_path) for each in arguments]
        done = batch(environment(settings, fake.slot()), file, "--out", out, *given)
        assert fake.stats()["requests"] == 0
    assert (done.exit_code, said in done.stderr.replace("\n", " ")) == (1, True), done.stderr
    assert not out.exists()


def test_a_pipe_is_refused_before_it_is_read(settings: Settings, tmp_path: Path, out: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    done = batch(
        environment(settings, FakeSlot().slot(endpoint="http://127.0.0.1:1")), pipe, "--out", out
    )
    assert (done.exit_code, "read three times" in done.stderr) == (1, True)


def test_an_empty_file_gives_empty_files(settings: Settings, tmp_path: Path, out: Path) -> None:
    file = write(tmp_path / "in.jsonl", [b"", b"  "])
    with FakeSlot() as fake:
        assert batch(environment(settings, fake.slot()), file, "--out", out).exit_code == 0
    assert (out.read_bytes(), out.with_suffix(".errors.jsonl").read_bytes()) == (b"", b"")


def test_a_file_that_changes_while_it_is_asked_is_not_written(
    settings: Settings, tmp_path: Path, out: Path
) -> None:
    file = write(tmp_path / "in.jsonl", [line("a")])
    one = Batch(file, Targets([FakeSlot().slot(endpoint="http://127.0.0.1:1")], "worker"))
    one.survey()
    write(file, [line("a"), line("b")])
    with connection_to(settings) as connection, pytest.raises(FoundryError, match="has changed"):
        one.write(connection, out, tmp_path / "errors.jsonl")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["in.jsonl"]


async def test_progress_counts_refused_and_known_lines_too(
    settings: Settings, tmp_path: Path
) -> None:
    limits = settings.model_copy(update=QUICK | {"inference_progress_s": 0.02})
    known: list[Any] = [line(f"{number}") for number in range(20)]
    stands: list[Stand] = []
    with FakeSlot(parallel=2, delay_ms=20) as fake:
        targets = Targets([fake.slot()], "worker")
        for lines in (known, [*known, b"bad", *(line(f"new {n}") for n in range(30))]):
            one = Batch(write(tmp_path / "in.jsonl", lines), targets)
            survey = one.survey()
            stands.clear()
            await one.ask(limits, survey, stands.append)
    assert (survey.lines, survey.refused) == (51, 1)
    assert stands[-1].done == stands[-1].lines == 51
    done = [stand.done for stand in stands]
    assert done == sorted(done)
    assert any(21 <= each < 51 for each in done)


def test_llama_cpp_answers_a_batch(
    settings: Settings,
    slot_servers: Mapping[str, SlotServer],
    tmp_path: Path,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("naughty", "kindergarten", "translator"):
        monkeypatch.setenv(f"MODEL_FOUNDRY_SLOT_{name.upper()}_URL", slot_servers[name].url)
    env = {
        "MODEL_FOUNDRY_HOME": str(settings.home),
        "MODEL_FOUNDRY_POSTGRES_URL": settings.require_postgres_url(),
    }
    lines = [
        line("chat", "Name a colour.", model="smollm2-135m-instruct", max_tokens=16, top_k=1),
        completion("raw", "Japanese: 犬\nEnglish:", model="translator", max_tokens=8, stop="\n"),
    ]
    done = batch(env, write(tmp_path / "in.jsonl", lines), "--out", out)
    assert done.exit_code == 0, done.output
    chat, raw = (each["response"]["body"] for each in read(out))
    assert chat["choices"][0]["message"]["content"].strip()
    assert chat["usage"]["completion_tokens"] > 0
    assert raw["object"] == "text_completion"
