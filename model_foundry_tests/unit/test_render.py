"""The commands that start slots, read back as a shell would."""

import itertools
import shlex
from typing import Any

import pytest

from model_foundry.errors import FoundryError
from model_foundry.fleet.file import Fleet, load_fleet
from model_foundry.fleet.render import StartCommand, start_command
from model_foundry.paths import data_path


def command(fleet: Fleet, name: str = "slot") -> StartCommand:
    [slot] = [slot for slot in fleet.slots if slot.name == name]
    found = start_command(fleet, slot, {})
    assert found is not None
    return found


def fleet_of(**slot: Any) -> Fleet:
    declared = {
        "name": "slot",
        "roles": ["worker"],
        "runtime": "llama.cpp",
        "endpoint": "http://127.0.0.1:8001",
        "model": "m",
        "licence": "MIT",
        "parallel": 3,
        "context_tokens": 4096,
        **slot,
    }
    gpus = [{"name": name, "memory_gib": 24} for name in ("a", "b", "c")]
    return Fleet.model_validate(
        {
            "name": "test",
            "hosts": [{"name": "box", "gpus": gpus}],
            "slots": [declared],
            "profiles": {"full": ["slot"]},
        }
    )


def test_naughty_on_vllm() -> None:
    gemma4 = load_fleet(data_path("fleets") / "gemma4.yaml")
    assert shlex.split(command(gemma4, "naughty").line) == [
        "CUDA_VISIBLE_DEVICES=0", "vllm", "serve", "nvidia/Gemma-4-31B-IT-NVFP4",
        "--served-model-name", "gemma-4-31b-it",
        "--max-num-seqs", "3", "--max-model-len", "32768",
        "--enable-per-request-metrics", "--enable-prompt-tokens-details",
        "--host", "127.0.0.1", "--port", "8000",
        "--max-num-batched-tokens=2048", "--enable-auto-tool-choice",
        "--tool-call-parser=gemma4", "--reasoning-parser=gemma4",
    ]  # fmt: skip


def test_kindergarten_on_ik_llama_cpp() -> None:
    gemma4 = load_fleet(data_path("fleets") / "gemma4.yaml")
    words = shlex.split(command(gemma4, "kindergarten").line)
    assert words[:2] == ["CUDA_VISIBLE_DEVICES=1", "ik_llama.cpp/build/bin/llama-server"]
    options = dict(itertools.pairwise(words))
    assert options["-m"] == "models/google_gemma-4-26B-A4B-it-IQ4_XS.gguf"
    assert options["--alias"] == "gemma-4-26b-a4b-it"
    assert options["--parallel"] == "5"
    assert options["-c"] == str(5 * 32768)  # llama.cpp divides it among the requests
    assert (options["--port"], options["-ngl"]) == ("8001", "99")


def test_whatever_a_name_holds_stays_one_word() -> None:
    nasty = 'it\'s; rm -rf $HOME `id`\n&& "x"'
    found = command(
        fleet_of(model=nasty, weights={"file": nasty}, binary=nasty, arguments=["--x", nasty])
    )
    assert shlex.split(found.line) == found.arguments
    assert found.arguments.count(nasty) == 4


def test_a_key_is_left_to_the_shell() -> None:
    llama = command(fleet_of(weights={"repo": "o/m:Q8_0"}, api_key={"env": "SLOT_KEY"}))
    assert llama.line.startswith('LLAMA_API_KEY="$SLOT_KEY" llama-server -hf o/m:Q8_0 ')
    vllm = command(fleet_of(runtime="vllm", api_key={"env": "SLOT_KEY"}))
    assert vllm.line.startswith('VLLM_API_KEY="$SLOT_KEY" vllm serve m --max-num-seqs 3 ')


def test_several_gpus_and_the_cpu() -> None:
    two = command(fleet_of(runtime="vllm", host="box", gpus=["c", "a"]))
    assert two.variables == {"CUDA_VISIBLE_DEVICES": "2,0"}
    assert two.arguments[two.arguments.index("--tensor-parallel-size") + 1] == "2"
    cpu = command(fleet_of(host="box", weights={"file": "m.gguf"}))
    assert cpu.variables == {}
    assert cpu.arguments[cpu.arguments.index("-ngl") + 1] == "0"


def test_an_address_is_the_endpoint_s() -> None:
    remote = command(fleet_of(runtime="vllm", endpoint="http://10.0.0.7:9000"))
    assert remote.arguments[-4:] == ["--host", "10.0.0.7", "--port", "9000"]
    plain = command(fleet_of(runtime="vllm", endpoint="https://box.example"))
    assert plain.arguments[-4:] == ["--host", "box.example", "--port", "443"]
    with pytest.raises(FoundryError, match="SLOT_URL is not set"):
        command(fleet_of(runtime="vllm", endpoint={"env": "SLOT_URL"}))


def test_llama_cpp_needs_a_model_file() -> None:
    with pytest.raises(FoundryError, match=r"slot slot: .* give weights\.file or weights\.repo"):
        command(fleet_of())


def test_what_others_start_has_no_command() -> None:
    embedded = load_fleet(data_path("fleets") / "embedded.yaml")
    assert [start_command(embedded, slot, {}) for slot in embedded.slots] == [None] * 3
    hosted = fleet_of(runtime="openai")
    assert start_command(hosted, hosted.slots[0], {}) is None
