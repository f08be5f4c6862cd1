"""An interactive job beside thousands of batch jobs, of its own role and of another."""

from pathlib import Path

from model_foundry_tests.asking import quick
from model_foundry_tests.integration.test_feeding import ANSWER_S, SLACK_S, asked_after


async def test_an_interactive_job_waits_for_no_batch_job(tmp_path: Path) -> None:
    assert await asked_after(5_000, quick(tmp_path)) < ANSWER_S + SLACK_S
