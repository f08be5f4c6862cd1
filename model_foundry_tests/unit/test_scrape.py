"""Where Prometheus finds the slots, from fleet files."""

import json

import pytest
from typer.testing import CliRunner

from model_foundry.cli import app
from model_foundry.errors import FoundryError
from model_foundry.fleet.file import Slot
from model_foundry.fleet.scrape import target_groups
from model_foundry.paths import data_path


def slot(**fields: object) -> Slot:
    declared = {
        "name": "naughty",
        "roles": ["worker"],
        "runtime": "vllm",
        "endpoint": "http://127.0.0.1:8000",
        "model": "gemma-4-31b-it",
        "licence": "Apache-2.0",
        "parallel": 3,
        "context_tokens": 4096,
    }
    return Slot.model_validate({**declared, **fields})


def test_a_slot_with_its_names() -> None:
    [group] = target_groups([slot()], {})
    assert group == {
        "targets": ["127.0.0.1:8000"],
        "labels": {
            "slot": "naughty",
            "model": "gemma-4-31b-it",
            "runtime": "vllm",
            "__scheme__": "http",
            "__metrics_path__": "/metrics",
        },
    }


@pytest.mark.parametrize(
    ("endpoint", "target", "scheme", "path"),
    [
        ("https://models.example", "models.example:443", "https", "/metrics"),
        ("http://models.example/llama/", "models.example:80", "http", "/llama/metrics"),
        ("http://[::1]:8000", "[::1]:8000", "http", "/metrics"),
    ],
)
def test_addresses(endpoint: str, target: str, scheme: str, path: str) -> None:
    [group] = target_groups([slot(endpoint=endpoint)], {})
    assert group["targets"] == [target]
    assert (group["labels"]["__scheme__"], group["labels"]["__metrics_path__"]) == (scheme, path)


def test_a_server_of_which_only_the_api_is_known_is_left_out() -> None:
    assert target_groups([slot(runtime="openai")], {}) == []


def test_an_endpoint_that_is_not_known() -> None:
    with pytest.raises(FoundryError, match="NAUGHTY_URL is not set"):
        target_groups([slot(endpoint={"env": "NAUGHTY_URL"})], {})


def test_the_command_prints_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_FOUNDRY_FLEET", str(data_path("fleets") / "glm-qwen.yaml"))
    monkeypatch.setenv("MODEL_FOUNDRY_PROFILE", "minimal")
    result = CliRunner().invoke(app, ["fleet", "targets"])
    assert result.exit_code == 0
    names = [group["labels"]["slot"] for group in json.loads(result.stdout)]
    assert names == ["grandpa", "worker-1", "translator"]
