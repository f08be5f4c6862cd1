"""A batch file whose command is killed or stopped in the middle, and started again."""

import signal
from pathlib import Path

import pytest

from model_foundry.settings import Settings
from model_foundry_tests.batches import environment, line, read, start, write
from model_foundry_tests.fake_slot import FakeSlot
from model_foundry_tests.faults.jobs_process import until
from model_foundry_tests.line import value

PARALLEL = 8
LANDED = "SELECT count(*) FROM inference_result WHERE recipe = 'batch' AND status = 'ok'"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_batch_goes_on_where_it_was(
    settings: Settings, tmp_path: Path, how: signal.Signals, pytestconfig: pytest.Config
) -> None:
    count: int = pytestconfig.getoption("--batch-lines")
    file = write(tmp_path / "in.jsonl", [line(f"{number}") for number in range(count)])
    out = tmp_path / "out.jsonl"
    arguments = [file, "--out", out]
    with FakeSlot(parallel=PARALLEL, delay_ms=40) as fake:
        env = environment(settings, fake.slot())
        stopped = start(arguments, env)
        until(lambda: fake.stats()["requests"] >= count // 2, deadline_s=60 + count / 50)
        stopped.send_signal(how)
        stopped.communicate(timeout=30)
        assert stopped.returncode not in {0, 1}
        until(lambda: fake.stats()["busy"] == 0)
        asked, kept = fake.stats()["requests"], value(settings, LANDED)
        assert not out.exists()
        assert 0 < kept <= asked < count
        again = start(arguments, env)
        told, errors = again.communicate(timeout=300)
        assert again.returncode == 0, errors
        assert f"{count - kept} lines were asked now, {kept} had an answer" in told
        # Nothing twice but what was in flight, and the answers on their way to PostgreSQL.
        assert fake.stats()["requests"] == asked + count - kept
        assert asked - kept <= PARALLEL + 2 * settings.inference_land_batch
    answers = read(out)
    assert [each["custom_id"] for each in answers] == [f"{number}" for number in range(count)]
    for each in answers:
        [choice] = each["response"]["body"]["choices"]
        assert choice["message"]["content"] == f"Answer to: Question {each['custom_id']}"
    assert read(out.with_suffix(".errors.jsonl")) == []
