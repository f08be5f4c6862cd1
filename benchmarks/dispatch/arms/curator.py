"""Bespoke Curator: its `LLM` over a list of prompts, on the openai backend, without its cache."""

import os
from collections.abc import Callable
from typing import Any

from benchmarks.dispatch.arms import Task


def prepare(task: Task) -> Callable[[], object]:
    """Its settings and its prompts."""
    [slot] = task.slots
    os.environ |= {
        "CURATOR_CACHE_DIR": str(task.directory / f"curator-{task.salt}"),
        "CURATOR_DISABLE_CACHE": "1",
        "CURATOR_DISABLE_RICH_DISPLAY": "1",
        "TELEMETRY_ENABLED": "0",
        "OPENAI_API_KEY": "none",
    }
    from bespokelabs import curator  # noqa: PLC0415 (it reads the environment when imported)

    llm: Any = curator.LLM(
        model_name=slot.model,
        backend="openai",
        backend_params={
            "base_url": f"{slot.endpoint}/v1",
            "api_key": "none",
            "max_concurrent_requests": slot.parallel,
            "max_requests_per_minute": 1_000_000,
            "max_tokens_per_minute": 1_000_000_000,
            "max_retries": 0,
        },
        generation_params={"temperature": 0.0, "max_tokens": task.max_tokens},
    )
    prompts = [task.prompt(number) for number in range(task.jobs)]

    def run() -> None:
        answers = llm(prompts)
        assert len(answers.dataset) == task.jobs

    return run
