"""Every behaviour of the corpus over HTTP, from each kind of slot, to what `ask` gives."""

from pathlib import Path
from typing import Any

import pytest

from model_foundry.slot.client import SlotClient
from model_foundry.slot.errors import SlotError
from model_foundry.slot.jobs import Request
from model_foundry_tests.asking import job, quick
from model_foundry_tests.fake_slot import FakeSlot
from model_foundry_tests.quirks import UNNAMED, quirks, shown

ASKED = {
    "chat": job(request=Request(messages=[{"role": "user", "content": "Hi"}])),
    "completion": job(request=Request(endpoint="completion", prompt="Hi")),
}


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
                fake.send_bytes(quirk.pieces(), content_type)
                try:
                    ended[name] = shown(await client.ask(ASKED[quirk.endpoint]))
                except SlotError as error:
                    ended[name] = error.kind
    assert ended == {
        name: quirk.error if quirk.answer is None else UNNAMED | quirk.answer
        for name, quirk in quirks().items()
    }
