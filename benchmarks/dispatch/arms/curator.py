"""Bespoke Curator: its `LLM` over a list of prompts, on the openai backend, without its cache.

That backend with `base_url` is what it documents for servers with OpenAI's API. Limits per minute
are set beyond reach, so that only `max_concurrent_requests` bounds it.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.dispatch.arms import Task


def prepare(task: Task) -> Callable[[], object]:
    """Its settings and its prompts."""
    [slot] = task.slots
    os.environ |= {
        "CURATOR_CACHE_DIR": str(task.directory / f"curator-{task.salt}"),
        "CURATOR_DISABLE_CACHE": "1",
        "CURATOR_DISABLE_RICH_DISPLAY": "1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "TELEMETRY_ENABLED": "false",
    }  # read when imported
    import litellm  # noqa: PLC0415 (it carries the tokenizer that Curator would fetch)

    tokenizers = Path(litellm.__file__).parent / "litellm_core_utils" / "tokenizers"
    os.environ["TIKTOKEN_CACHE_DIR"] = str(tokenizers)
    from bespokelabs import curator  # noqa: PLC0415

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
