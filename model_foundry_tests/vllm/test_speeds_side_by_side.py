"""`slot_benchmark` on vLLM and llama.cpp, and the command that vLLM was started by."""

import os
import shlex

import psutil

from model_foundry.fleet.file import settings_fleet
from model_foundry.settings import Settings
from model_foundry_tests.foundry import checks_of, materialize, metadata_of
from model_foundry_tests.line import rows
from model_foundry_tests.vllm.server import KEY, KEY_VARIABLE, URL_VARIABLE, VllmServer, rendered

LENGTHS = (32, 128, 384)
MEASURED = {"slot_benchmark_prompt_tokens": LENGTHS, "slot_benchmark_answer_tokens": 16}


def test_both_are_measured(side_by_side: Settings) -> None:
    result = materialize(side_by_side.model_copy(update=MEASURED), "slot_benchmark")
    shown = metadata_of(result, "slot_benchmark")
    measured = rows(side_by_side, "SELECT * FROM slot_benchmark")
    assert (shown["unmeasured"], shown["dagster/row_count"]) == ({}, len(measured))
    assert all(check.passed for check in checks_of(result))
    for slot in settings_fleet(side_by_side).slots:
        own = [row for row in measured if row["slot"] == slot.name]
        assert {row["provider_name"] for row in own} == {slot.runtime}
        assert {row["timing_source"] for row in own} == {"server"}
        pp = {row["input_tokens"]: row for row in own if row["measure"] == "pp"}
        assert len(pp) == len(LENGTHS)
        assert pp[max(pp)]["ttft_ms"] > pp[min(pp)]["ttft_ms"]
        assert all(row["pp_tokens_per_s"] > 0 for row in pp.values())
        tg = {row["at_once"]: row for row in own if row["measure"] == "tg"}
        assert sorted(tg) == list(range(1, slot.parallel + 1))
        assert all(row["total_tokens_per_s"] > 0 for row in tg.values())
        if slot.runtime == "vllm":  # one step makes a token for each request
            assert tg[3]["total_tokens_per_s"] > tg[1]["total_tokens_per_s"]


def test_vllm_was_started_by_what_fleet_render_prints(
    side_by_side: Settings, vllm: VllmServer
) -> None:
    line = rendered({"MODEL_FOUNDRY_HOME": str(side_by_side.home), URL_VARIABLE: vllm.url})[
        "naughty"
    ]
    assert line == vllm.line
    assert KEY not in line
    key, binary, *arguments = shlex.split(line)
    assert key == f"VLLM_API_KEY=${KEY_VARIABLE}"
    process = psutil.Process(vllm.pid)
    assert process.cmdline()[1:] == [binary, *arguments]
    assert process.environ()["VLLM_API_KEY"] == os.environ[KEY_VARIABLE] == KEY
