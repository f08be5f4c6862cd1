"""The dashboards' queries of vLLM, asked of a real Prometheus that scrapes a real vLLM."""

import re
from pathlib import Path

import httpx

from model_foundry.fleet.file import settings_fleet
from model_foundry.settings import Settings
from model_foundry_tests.dashboards import (
    VLLM,
    needs_prometheus,
    prometheus_of,
    rules,
    unanswered,
    wait_until_answered,
)
from model_foundry_tests.vllm.server import KEY, SLOT, VllmServer

NAME = re.compile(r"vllm:\w+")


@needs_prometheus
def test_every_panel_of_vllm_has_figures(
    side_by_side: Settings, vllm: VllmServer, home: Path
) -> None:
    [slot] = [slot for slot in settings_fleet(side_by_side).slots if slot.name == SLOT]
    of_rules = {name: name for expression in rules() for name in NAME.findall(expression)}
    assert VLLM
    assert of_rules

    def keep_busy() -> None:
        message = {"role": "user", "content": "Tell me of the sea."}
        asked = {"model": slot.model, "messages": [message], "max_tokens": 8}
        headers = {"Authorization": f"Bearer {KEY}"}
        url = f"{vllm.url}/v1/chat/completions"
        httpx.post(url, json=asked, headers=headers, timeout=30).raise_for_status()

    with prometheus_of(home, [slot], side_by_side.environment()) as prometheus:
        wait_until_answered(prometheus, VLLM | of_rules, keep_busy)
        renamed = {
            f"{name} in {title}": expression.replace(name, f"{name}_renamed")
            for title, expression in VLLM.items()
            for name in NAME.findall(expression)
        }
        assert unanswered(prometheus, renamed) == renamed
