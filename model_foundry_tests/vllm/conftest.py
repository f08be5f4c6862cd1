"""One vLLM for the session, and the fleet in which it stands beside llama.cpp."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from model_foundry.settings import Settings
from model_foundry_tests.conftest import EmbeddedSlots
from model_foundry_tests.vllm.server import (
    FLEET,
    KEY,
    KEY_VARIABLE,
    URL_VARIABLE,
    VllmServer,
    need_environment,
)


@pytest.fixture(scope="session")
def vllm_server(server_directory: Path) -> Iterator[VllmServer]:
    """The session's vLLM, once it is started."""
    need_environment()
    server = VllmServer(log=server_directory / "logs" / "vllm.log")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, KEY)
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def vllm(vllm_server: VllmServer) -> VllmServer:
    """It runs, whatever a test before did to it."""
    vllm_server.start()
    return vllm_server


@pytest.fixture
def kindergarten(slot_servers: EmbeddedSlots) -> str:
    """The URL of the llama.cpp slot that serves the same model."""
    return slot_servers["kindergarten"].url


@pytest.fixture
def side_by_side(
    settings: Settings,
    vllm: VllmServer,
    slot_servers: EmbeddedSlots,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """Settings with the fleet of both; the environment says where its slots are."""
    monkeypatch.setenv(URL_VARIABLE, vllm.url)
    for name in ("kindergarten", "translator"):
        monkeypatch.setenv(f"MODEL_FOUNDRY_SLOT_{name.upper()}_URL", slot_servers[name].url)
    return settings.model_copy(update={"fleet": FLEET})
