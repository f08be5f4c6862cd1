"""The corpus over HTTP, from each kind of slot to what `ask` gives; any bytes to a result row."""

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from model_foundry.results.landed import run_jobs
from model_foundry.settings import Settings
from model_foundry.slot.client import SlotClient
from model_foundry.slot.errors import SlotError
from model_foundry.slot.jobs import Request
from model_foundry_tests.any_answer import ANY_BYTES, ANY_DOCUMENT, IMPATIENT, NO_ROOM
from model_foundry_tests.asking import QUICK, calling, job, quick
from model_foundry_tests.fake_slot import FakeSlot
from model_foundry_tests.line import rows
from model_foundry_tests.quirks import UNNAMED, quirks, shown

ASKED = {
    "chat": job(request=Request(messages=[{"role": "user", "content": "Hi"}])),
    "completion": job(request=Request(endpoint="completion", prompt="Hi")),
}
WITH_TOOLS = calling("Hi")


# A content type says nothing, and neither does what was asked for.
@pytest.mark.parametrize("content_type", ["text/event-stream", "application/json"])
@pytest.mark.parametrize("runtime", ["llama.cpp", "vllm", "openai"])
async def test_each_behaviour_ends_as_its_file_says(
    tmp_path: Path, runtime: str, content_type: str
) -> None:
    ended: dict[str, Any] = {}
    with FakeSlot(flavour="llama.cpp") as fake:
        async with SlotClient(fake.slot(runtime=runtime), {}, quick(tmp_path)) as client:
            for name, quirk in quirks().items():
                fake.send_bytes({"": quirk.pieces()}, content_type)
                try:
                    ended[name] = shown(
                        await client.ask(WITH_TOOLS if quirk.tools else ASKED[quirk.endpoint])
                    )
                except SlotError as error:
                    ended[name] = error.kind
    assert ended == {
        name: quirk.error if quirk.answer is None else UNNAMED | quirk.answer
        for name, quirk in quirks().items()
    }


def test_whatever_comes_ends_as_a_result_row(
    settings: Settings, request: pytest.FixtureRequest
) -> None:
    """Twenty at a time, of chats with and without tools; no dispatch ends before its jobs."""
    limits = settings.model_copy(update=QUICK | IMPATIENT)
    runs = itertools.count()
    any_body = ANY_BYTES | ANY_DOCUMENT.map(lambda document: json.dumps(document).encode())

    @profile(
        max_examples=-(-request.config.getoption("--quirk-examples") // 20),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(bodies=st.lists(any_body, min_size=20, max_size=20))
    @example(bodies=[NO_ROOM] * 20)
    def holds(bodies: list[bytes]) -> None:
        prompts = {f"{next(runs)}": [body] for body in bodies}
        fake.send_bytes(prompts)
        asked = [(job, calling)[number % 2](prompt) for number, prompt in enumerate(prompts)]
        report = asyncio.run(run_jobs(asked, settings=limits, slots=[fake.slot()]))
        assert (report.asked, report.cached) == (len(asked), 0)
        landed = {row["job_id"] for row in rows(limits, "SELECT job_id FROM inference_result")}
        assert landed.issuperset(each.job_id for each in asked)

    with FakeSlot(flavour="llama.cpp", parallel=20) as fake:
        holds()
