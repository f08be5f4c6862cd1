"""Every behaviour of the corpus over HTTP, from each kind of slot, to what `ask` gives."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from model_foundry.slot.client import SlotClient
from model_foundry.slot.errors import SlotError
from model_foundry.slot.jobs import Request
from model_foundry_tests.asking import job, quick
from model_foundry_tests.fake_slot import FakeSlot
from model_foundry_tests.quirks import UNNAMED, Quirk, quirks, shown

CHAT = Request(messages=[{"role": "user", "content": "Hi"}])
RAW_COMPLETION = Request(endpoint="completion", prompt="Hi")


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeSlot]:
    with FakeSlot(flavour="llama.cpp") as slot:
        yield slot


@pytest.mark.parametrize("runtime", ["llama.cpp", "vllm", "openai"])
@pytest.mark.parametrize("quirk", [pytest.param(q, id=name) for name, q in quirks().items()])
async def test_a_behaviour_ends_as_its_file_says(
    fake: FakeSlot, tmp_path: Path, quirk: Quirk, runtime: str
) -> None:
    asked = job(request=CHAT if quirk.endpoint == "chat" else RAW_COMPLETION)
    async with SlotClient(fake.slot(runtime=runtime), {}, quick(tmp_path)) as client:
        # A content type says nothing, and neither does what was asked for.
        for content_type in ("text/event-stream", "application/json"):
            fake.send_bytes(quirk.pieces(), content_type)
            if quirk.error is not None:
                with pytest.raises(SlotError) as caught:
                    await client.ask(asked)
                assert caught.value.kind == quirk.error
            else:
                assert quirk.answer is not None
                assert shown(await client.ask(asked)) == UNNAMED | quirk.answer
