"""Keys of odd shapes, planted, and looked for in all that a run leaves behind."""

import itertools
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from model_foundry.cli import app
from model_foundry.errors import FoundryError
from model_foundry.exporter.app import Exporter
from model_foundry.exporter.database import Database
from model_foundry.exporter.slots import Slots
from model_foundry.exporter.source import Source
from model_foundry.fleet.file import Slot
from model_foundry.settings import Settings
from model_foundry.slot.client import SlotClient
from model_foundry.slot.errors import SlotError
from model_foundry_tests.asking import QUICK, job, quick
from model_foundry_tests.fake_slot import FakeSlot
from model_foundry_tests.line import rows
from model_foundry_tests.recipes import attributes, chats_in, run, with_slots, write
from model_foundry_tests.telemetry_endpoint import Endpoint

PLANTED = "planted-0123456789"
# As they stand in the environment. All hold `planted`, whatever is done to them.
KEYS = {
    "PLAIN": f"sk-{PLANTED}",
    "LINE_END": f"sk-le-{PLANTED}\n",
    "BLANKS": f" \t sk-bl-{PLANTED} \r\n\r\n",
    "QUOTES": f"sk-\"{PLANTED}\"-'q'\\n",
    "INNER_BLANKS": f"sk {PLANTED}  two   blanks",
    "URL": f"sk-{PLANTED}/+=&?#%41@h",
    "HTML": f"<sk>{PLANTED}</sk>&amp;'",
    "BEARER": f"Bearer {PLANTED}",
    "MARK": f"\ufeffsk-mk-{PLANTED}\n",
    "LONG": f"eyJhbGciOiJIUzI1NiJ9.{PLANTED * 100}.x",
}
REFUSED = {
    "LINE_END_INSIDE": f"sk-{PLANTED}\nX-Evil: 1",
    "LETTER": f"sk-ä{PLANTED}",
    "DASH": f"sk\u2013{PLANTED}",  # as a text processor makes of one
    "CONTROL": f"sk-\x1b[31m{PLANTED}",
    "CONTROL_AT_END": f"sk-{PLANTED}\x7f",
}
FAULTS = ("echo", "locked", "400", "401", "403", "404", "413", "422", "429", "500", "503")


def slot_of(fake: FakeSlot, name: str) -> Slot:
    slot = f"slot-{name.lower().replace('_', '-')}"
    return fake.slot(name=slot, parallel=1, api_key={"env": f"KEY_{name}"})


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """The keys in the process's environment, as a service's are."""
    planted = {f"KEY_{name}": key for name, key in (KEYS | REFUSED).items()}
    for name, key in planted.items():
        monkeypatch.setenv(name, key)
    return planted


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeSlot]:
    with FakeSlot() as slot:
        yield slot


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("flavour", ["llama.cpp", "openai"])
async def test_no_error_and_no_answer_tells_the_key(
    fake: FakeSlot, tmp_path: Path, environment: Mapping[str, str], name: str, flavour: str
) -> None:
    slot = slot_of(fake, name).model_copy(update={"runtime": flavour})
    told = []
    async with SlotClient(slot, environment, quick(tmp_path)) as client:
        for fault in FAULTS:
            try:
                completion = await client.ask(job(f"!fault={fault}!"))
                told.append(repr(completion))
                assert "***" in completion.text
                assert completion.response_model == "Bearer ***"
            except SlotError as error:
                told.append(f"{error} {error!r} {error.__cause__} {error.__context__!r}")
    assert len(told) == len(FAULTS)
    assert not [text for text in told if "planted" in text]
    key = slot.key(environment)
    assert f"Bearer {key}" in fake.stats()["keys"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_key_that_cannot_be_sent_is_refused_by_its_name_alone(
    fake: FakeSlot, tmp_path: Path, environment: Mapping[str, str], name: str
) -> None:
    with pytest.raises(FoundryError) as caught:
        SlotClient(slot_of(fake, name), environment, quick(tmp_path))
    assert f"KEY_{name} holds a character that no HTTP header can carry" in str(caught.value)
    assert "planted" not in str(caught.value)


@pytest.fixture
def chats(settings: Settings) -> Settings:
    """Chats of the day whose texts make the fake slot tell the key that it was given."""
    asked = [f"!fault={fault}! {n}" for fault in ("echo", "locked") for n in range(20)]
    chats_in(settings, {text: text for text in asked})
    return settings


def source(fault: str) -> str:
    return f"""
SELECT event_id AS source_event_id, '' AS source_part, correlation_id, user_text
FROM llm_chat WHERE occurred_on = %(day)s AND user_text LIKE '%%{fault}%%' ORDER BY event_id;
"""


def test_a_run_leaves_no_key_behind(
    chats: Settings,
    environment: Mapping[str, str],
    tmp_path: Path,
    *,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    left: dict[str, str] = {}
    with FakeSlot(delay_ms=300) as fake, Endpoint() as telemetry:  # so slow that each slot is asked
        slots = [slot_of(fake, name) for name in KEYS]
        updates = {**QUICK, "telemetry_url": telemetry.url, "telemetry_texts": True}
        settings = with_slots(chats, *slots).model_copy(update=updates)
        for fault in ("echo", "locked"):
            root = tmp_path / fault
            write(root, fault, attributes(), source_sql=source(fault))
            asset = f"generation_{fault}"
            result = run(root, settings, asset, raise_on_error=False, console=True)
            assert result.success == (fault == "echo")
            left[f"Dagster's events of {fault}"] = "\n".join(
                dg.serialize_value(each) for each in result.all_events
            )
        assert {f"Bearer {slot.key(environment)}" for slot in slots} <= set(fake.stats()["keys"])
        left["telemetry"] = repr(telemetry.of("llm", 20))
        sources: list[Source] = [
            Database(slots, environment, settings),
            Slots(slots, environment, settings),
        ]
        exporter = Exporter(sources, settings).app()
        with TestClient(exporter, base_url="http://127.0.0.1") as client:
            assert client.post("/telemetry", json=telemetry.events).status_code < 300
            for page in ("/metrics", "/", "/live.json"):
                left[f"page {page}"] = client.get(page).text
        fake.tell(paths={"/v1/models": "echo"})
        monkeypatch.setenv("MODEL_FOUNDRY_FLEET", str(settings.fleet))
        monkeypatch.setenv("MODEL_FOUNDRY_HOME", str(settings.home))
        for arguments in ("check", "check --json", "render", "targets"):
            done = CliRunner().invoke(app, ["fleet", *arguments.split()])
            left[f"fleet {arguments}"] = done.output + repr(done.exception)
    tables = rows(settings, "SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'p')")
    for table in {row["name"] for row in tables if not row["name"].startswith(("pg_", "sql_"))}:
        left[f"table {table}"] = repr(rows(settings, f'SELECT t::text FROM "{table}" t'))
    files = itertools.chain(settings.home.rglob("*"), tmp_path.rglob("*"))
    left["files"] = "\n".join(
        path.read_bytes().decode("latin-1") for path in files if path.is_file()
    )
    left["log"] = caplog.text + repr([(each.exc_info, each.args) for each in caplog.records])
    captured = capfd.readouterr()
    left["output"] = captured.out + captured.err

    for where in ("fleet check --json", "table inference_result"):
        assert "***" in left[where], where  # the key was told there, and taken out
    assert all(text for where, text in left.items() if where != "output")
    assert [where for where, text in left.items() if "planted" in text] == []
