"""The memory as TMX: out and in again, judged by translate-toolkit; hostile files are refused."""

import io
import json
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from model_foundry import postgres
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.translation.memory import Asking, Remembered, memory_key, remember, remembered
from model_foundry.translation.review import Decided, decide, decisions, review_key
from model_foundry.translation.tmx import Exchanged, export_memory, import_memory
from model_foundry_tests.line import execute, rows
from model_foundry_tests.referees import referee

ASKING = Asking("ja", "en", "plamo", "plamo-2-translate", "abc")
WHEN = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
TEXTS = {
    "**枠**は[設定](1)の`2`で決まります。": "**Slots** are set by `2` in the [settings](1).",
    "a < b & c > d \"e\" 'f'": 'x < y & z > "w"',
    "]]> <seg> <!-- & -->": "]]> </seg> &amp; --",
    "leading,  終わり\u3000": "🎉 fin\u00a0!",
}
_TOOLKIT = """
import json, sys
from translate.storage import tmx
store = tmx.tmxfile.parsestring(sys.stdin.buffer.read())
units = [[str(unit.source), str(unit.target)] for unit in store.units]
sys.stdout.write(json.dumps({"units": units, "file": bytes(store).decode()}))
"""
_MADE_BY_TOOLKIT = """
import sys
from translate.storage import tmx
store = tmx.tmxfile()
store.addtranslation("Die Katze & der <Hund>", "de", "The cat & the <dog>", "en")
store.addtranslation("Zweitens", "de", "Secondly", "en", comment="by hand")
sys.stdout.buffer.write(bytes(store))
"""


def fill(connection: Any) -> None:
    """What a model has said, and what people have decided."""
    known: Any = (True, False, [], 1, "job", "plamo-2", "MIT")
    said = [
        (Remembered(memory_key(text, ASKING), other, *known), text, ASKING)
        for text, other in TEXTS.items()
    ]
    unfit = Remembered(memory_key("x", ASKING), "y", False, False, ["echo"], 1, "job", "m", "MIT")
    remember(connection, [*said, (unfit, "x", ASKING)])
    decide(
        connection,
        [
            Decided("ja", "en", text, f"{other}!", "edited", "Ada <ada@example.org>", WHEN)
            for text, other in list(TEXTS.items())[:2]
        ],
    )


def everything(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    """What is remembered, but for the jobs that it came from."""
    memory = (
        "SELECT memory_key, source_language, target_language, models, prompt_version, "
        "glossary_version, source_text, translated_text, is_fit, model, licence "
        "FROM translation_memory WHERE is_fit ORDER BY memory_key"
    )
    review = (
        "SELECT review_key, source_language, target_language, source_text, translated_text, "
        "decision, decided_by, decided_at FROM translation_review ORDER BY review_key"
    )
    return {"memory": rows(settings, memory), "review": rows(settings, review)}


def empty(settings: Settings) -> None:
    execute(settings, "TRUNCATE translation_memory, translation_review")


def exported(settings: Settings) -> bytes:
    with closing(postgres.connect(settings)) as connection:
        export_memory(connection, file := io.BytesIO())
    return file.getvalue()


def imported(settings: Settings, content: bytes, name: str = "theirs.tmx") -> Exchanged:
    with closing(postgres.connect(settings)) as connection:
        done = import_memory(connection, io.BytesIO(content), name=name)
        connection.commit()
    return done


@pytest.fixture
def filled(settings: Settings) -> Settings:
    with closing(postgres.connect(settings)) as connection:
        fill(connection)
        connection.commit()
    return settings


def test_a_memory_comes_back_as_it_was(filled: Settings) -> None:
    before, content = everything(filled), exported(filled)
    assert imported(filled, content) == Exchanged(2, 0)  # decisions are kept again, as they are
    assert everything(filled) == before
    empty(filled)
    assert imported(filled, content) == Exchanged(len(TEXTS) + 2, 0)
    assert everything(filled) == before
    with closing(postgres.connect(filled)) as connection:
        text = next(iter(TEXTS))
        known = remembered(connection, {"k": (text, ASKING)})["k"]
        assert (known.translated_text, known.decided_by) == (
            f"{TEXTS[text]}!", "Ada <ada@example.org>",
        )  # fmt: skip


def test_translate_toolkit_reads_the_same_and_gives_it_back(filled: Settings) -> None:
    python = referee("translate-toolkit")
    before, content = everything(filled), exported(filled)
    done = subprocess.run([python, "-c", _TOOLKIT], input=content, capture_output=True, check=True)
    judged = json.loads(done.stdout)
    ours = [*TEXTS.items(), *((text, f"{other}!") for text, other in list(TEXTS.items())[:2])]
    assert sorted(tuple(each) for each in judged["units"]) == sorted(ours)
    empty(filled)
    assert imported(filled, judged["file"].encode()).units == len(ours)
    assert everything(filled) == before


def test_what_translate_toolkit_writes_is_taken_in(settings: Settings) -> None:
    python = referee("translate-toolkit")
    done = subprocess.run([python, "-c", _MADE_BY_TOOLKIT], capture_output=True, check=True)
    assert b"<!DOCTYPE" in done.stdout
    assert imported(settings, done.stdout) == Exchanged(2, 0)
    key = review_key("Die Katze & der <Hund>", "de", "en")
    with closing(postgres.connect(settings)) as connection:
        assert decisions(connection, [key]) == {key: ("The cat & the <dog>", "theirs.tmx")}


TMX = """<?xml version="1.0"?>{doctype}<tmx version="1.4"><header srclang="{srclang}"/><body>
{units}</body></tmx>"""
UNIT = '<tu {more}><tuv xml:lang="{a}"><seg>{x}</seg></tuv><tuv xml:lang="{b}"><seg>{y}</seg></tuv></tu>'  # noqa: E501


def tmx(*units: str, doctype: str = "", srclang: str = "de") -> bytes:
    return TMX.format(doctype=doctype, srclang=srclang, units="\n".join(units)).encode()


def unit(x: str, y: str, a: str = "de", b: str = "en", more: str = "") -> str:
    return UNIT.format(x=x, y=y, a=a, b=b, more=more)


def test_units_of_others_are_decisions_of_whoever_made_them(settings: Settings) -> None:
    content = tmx(
        unit("eins", "one", more='changeid="Bea" changedate="20260102T030405Z"'),
        unit("two", "zwei", a="en", b="de"),
        unit("<bpt i='1'>*</bpt>drei<ept i='1'>*</ept>", "*three*", a="de-DE", b="en-US"),
        unit("", "nothing"),
        unit("klingon", "x", a="de", b="tlh-x!"),
        doctype='<!DOCTYPE tmx SYSTEM "tmx14.dtd">',
    )
    assert imported(settings, content) == Exchanged(3, 2)
    found = rows(
        settings,
        "SELECT source_language, source_text, target_language, translated_text, decision, "
        "decided_by, to_char(decided_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day "
        "FROM translation_review ORDER BY source_text",
    )
    assert [tuple(each.values())[:6] for each in found] == [
        ("de-DE", "*drei*", "en-US", "*three*", "imported", "theirs.tmx"),
        ("de", "eins", "en", "one", "imported", "Bea"),
        ("de", "zwei", "en", "two", "imported", "theirs.tmx"),
    ]
    assert found[1]["day"] == "2026-01-02"


def test_what_was_decided_later_stays(settings: Settings) -> None:
    with closing(postgres.connect(settings)) as connection:
        decide(connection, [Decided("de", "en", "eins", "One!", "edited", "Ada", WHEN)])
        connection.commit()
    old = unit("eins", "one", more='changedate="20200101T000000Z"')
    assert imported(settings, tmx(old)).units == 0
    assert imported(settings, tmx(unit("eins", "1"))).units == 1


BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha" * 10}">' for n in range(9))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (tmx(unit("&e8;", "x"), doctype=f"<!DOCTYPE tmx [{BOMB}]>"), "declares entities"),
        (
            tmx(unit("&e;", "x"), doctype='<!DOCTYPE tmx [<!ENTITY e SYSTEM "file:///etc/passwd">]>'),
            "declares entities",
        ),
        (
            tmx(unit("a", "b"), doctype='<!DOCTYPE tmx [<!ENTITY % e SYSTEM "http://x/"> %e;]>'),
            "declares entities",
        ),
        (b"<html><body/></html>", "it is no TMX: it begins with <html>"),
        (b"not xml", "not XML"),
        (tmx(unit("a", "b"))[:-20], "not XML"),
        (b"", "not XML"),
        (b'<?xml version="1.0" encoding="nonsense"?><tmx/>', "theirs.tmx: "),
        (b"<tmx>" + b"<x>" * 100_000, "not XML"),
    ],
)  # fmt: skip
def test_hostile_files_are_refused_in_words(settings: Settings, content: bytes, said: str) -> None:
    with pytest.raises(FoundryError, match=said):
        imported(settings, content)
    assert rows(settings, "SELECT FROM translation_review") == []


def test_what_xml_cannot_say_is_counted(settings: Settings) -> None:
    with closing(postgres.connect(settings)) as connection:
        decide(connection, [Decided("de", "en", "a\x0bb", "c", "edited", "A\x01da", WHEN)])
        decide(connection, [Decided("de", "en", "ok", "fine", "edited", "A\x01da", WHEN)])
        export = export_memory(connection, file := io.BytesIO())
        connection.commit()
    assert export == Exchanged(1, 1)
    empty(settings)
    assert imported(settings, file.getvalue()).units == 1


_CHARACTERS = st.characters(exclude_categories=("Cs", "Cc", "Cn"))
_TEXTS = st.text(_CHARACTERS, min_size=1).map(lambda text: text.strip(" ")).filter(bool)


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.dictionaries(_TEXTS, _TEXTS, min_size=1, max_size=5))
def test_any_text_comes_back(settings: Settings, texts: dict[str, str]) -> None:
    empty(settings)
    with closing(postgres.connect(settings)) as connection:
        decide(
            connection, [Decided("de", "en", *each, "edited", "A", WHEN) for each in texts.items()]
        )
        connection.commit()
    before, content = everything(settings), exported(settings)
    empty(settings)
    imported(settings, content)
    assert everything(settings) == before
