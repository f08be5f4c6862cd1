"""NVIDIA's Data Designer: one text column over a seed data set of prompts, without its telemetry.

Its report on the answers does without token counts: their tokenizer would have to be fetched.
"""

import os
from collections.abc import Callable

from benchmarks.dispatch.arms import Task


def prepare(task: Task) -> Callable[[], object]:
    """Its configuration, and the prompts as its seed."""
    [slot] = task.slots
    os.environ |= {
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NEMO_TELEMETRY_ENABLED": "false",
    }  # it reads them when imported
    import data_designer.config as dd  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415
    from data_designer.interface import DataDesigner  # noqa: PLC0415

    model = dd.ModelConfig(
        alias="worker",
        model=slot.model,
        provider="slot",
        skip_health_check=True,
        inference_parameters=dd.ChatCompletionInferenceParams(
            temperature=0.0, max_tokens=task.max_tokens, max_parallel_requests=slot.parallel
        ),
    )
    config = dd.DataDesignerConfigBuilder(model_configs=[model])
    prompts = pd.DataFrame({"prompt": [task.prompt(number) for number in range(task.jobs)]})
    config.with_seed_dataset(dd.DataFrameSeedSource(df=prompts))
    config.add_column(
        dd.LLMTextColumnConfig(name="answer", prompt="{{ prompt }}", model_alias="worker")
    )
    provider = dd.ModelProvider(name="slot", endpoint=f"{slot.endpoint}/v1", api_key="none")
    designer = DataDesigner(
        artifact_path=task.directory / f"data-designer-{task.salt}", model_providers=[provider]
    )
    designer.set_run_config(dd.RunConfig(otel_metrics_port=None))

    def run() -> None:
        created = designer.create(config, num_records=task.jobs)
        assert len(created.load_dataset()) == task.jobs

    return run
