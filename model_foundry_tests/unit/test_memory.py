"""The memory plan against figures worked out by hand from the models' published shapes."""

from typing import Any

import pytest
from pydantic import ValidationError

from model_foundry.fleet.file import Fleet, KvCache, load_fleet
from model_foundry.fleet.memory import (
    DevicePlan,
    MemoryPlan,
    SlotNeed,
    kv_bytes_per_request,
    memory_plan,
)
from model_foundry.paths import data_path

KIB, GIB = 1024, 1024**3


def fleet(*slots: dict[str, Any], gpus: int = 1, ram_gib: float | None = 64) -> Fleet:
    """Slots of 10 GiB and 1 GiB of KV cache a request, on a box with GPUs of 24 GiB."""
    declared = [
        {
            "name": f"slot-{number}",
            "roles": ["worker"],
            "runtime": "vllm",
            "endpoint": "http://127.0.0.1:1",
            "model": "m",
            "licence": "MIT",
            "parallel": 4,
            "context_tokens": 1024,
            "host": "box",
            "weights": {"repo": "m", "size_gib": 10},
            "kv_cache": {"bytes_per_token": GIB / 1024},
            **slot,
        }
        for number, slot in enumerate(slots)
    ]
    cards = [{"name": f"GPU{number}", "memory_gib": 24} for number in range(gpus)]
    host: dict[str, Any] = {"name": "box", "gpus": cards, "memory_gib": ram_gib}
    profiles = {"full": [slot["name"] for slot in declared]}
    return Fleet.model_validate(
        {"name": "test", "hosts": [host], "slots": declared, "profiles": profiles}
    )


def plan_of(fleet: Fleet) -> MemoryPlan:
    return memory_plan(fleet, fleet.slots)


def by_name(plan: MemoryPlan) -> dict[str, DevicePlan]:
    return {device.name: device for device in plan.devices}


def need(device: DevicePlan, slot: str) -> SlotNeed:
    [found] = [each for each in device.slots if each.slot == slot]
    return found


@pytest.mark.parametrize(
    ("fleet_name", "slot", "context", "expected"),
    [
        # SmolLM2-135M keeps 22.5 KiB a token.
        ("embedded", "naughty", 1, 22.5 * KIB),
        ("embedded", "naughty", 4096, 90 * 1024 * KIB),
        # Gemma 4 31B: 80 KiB a token of 10 global layers, 800 KiB of 50 that keep 3,072.
        ("gemma4", "naughty", 1024, 880 * 1024 * KIB),
        ("gemma4", "naughty", 32768, 2.5 * GIB + 2.34375 * GIB),
        # Gemma 4 26B-A4B without compressed windows: 220 KiB a token.
        ("gemma4", "kindergarten", 1, 220 * KIB),
        # Qwen3-Coder-Next: 24 KiB a token, and 75.375 MiB of recurrent state.
        ("glm-qwen", "worker-0", 65536, 1.5 * GIB + 75.375 * 1024 * KIB),
        # GLM-5.1: 87.75 KiB a token.
        ("glm-qwen", "grandpa", 65536, 65536 * 87.75 * KIB),
    ],
)
def test_the_kv_cache_of_a_request(
    fleet_name: str, slot: str, context: int, expected: float
) -> None:
    slots = load_fleet(data_path("fleets") / f"{fleet_name}.yaml").slots
    [cache] = [each.kv_cache for each in slots if each.name == slot]
    assert cache is not None
    assert kv_bytes_per_request(cache, context) == expected


def test_a_quantized_cache_takes_less() -> None:
    layers = {"layers": 2, "kv_heads": 4, "head_dim": 128, "bytes_per_element": 1.0625}
    cache = KvCache.model_validate({"layers": [layers]})
    assert kv_bytes_per_request(cache, 10) == 2 * 2 * 4 * 128 * 1.0625 * 10


def test_the_gemma_stack_fits_as_reported() -> None:
    """~17 and ~13 GiB of 96 GB leave ~79 and ~83 before the KV cache."""
    gemma4 = load_fleet(data_path("fleets") / "gemma4.yaml")
    devices = by_name(memory_plan(gemma4, gemma4.in_profile("standard")))
    gpu0, gpu1 = devices["epyc/GPU0"], devices["epyc/GPU1"]
    naughty, kindergarten = need(gpu0, "naughty"), need(gpu1, "kindergarten")
    assert naughty.weights_gib is not None
    assert kindergarten.weights_gib is not None
    assert gpu0.memory_gib is not None
    assert gpu1.memory_gib is not None
    assert gpu0.memory_gib - naughty.weights_gib == 79
    assert gpu1.memory_gib - kindergarten.weights_gib == 83
    # 17 + 3 × 4.84375 = 31.53125; of 96 - 2, 62.46875 are free, room for 12 more.
    assert (gpu0.used_gib, gpu0.free_gib, gpu0.fits) == (31.53125, 62.46875, True)
    assert naughty.max_parallel == 15
    # 13 + 5 × 6.875 = 47.375, and the translator's 9.5 + 4 × 0.125 = 10: 36.625 free, 5 more.
    assert gpu1.free_gib == pytest.approx(36.625)
    assert (kindergarten.max_parallel, gpu1.fits) == (10, True)
    assert "epyc/RAM" not in devices


@pytest.mark.parametrize("fleet_name", ["embedded", "gemma4", "glm-qwen"])
def test_every_shipped_profile_fits(fleet_name: str) -> None:
    shipped = load_fleet(data_path("fleets") / f"{fleet_name}.yaml")
    for profile in shipped.profiles:
        plan = memory_plan(shipped, shipped.in_profile(profile))
        assert plan.unplaced == []
        for device in plan.devices:
            assert device.fits is not False, device
            assert (device.fits is None) == (device.memory_gib is None)


def test_experts_in_ram_are_planned_there() -> None:
    glm = load_fleet(data_path("fleets") / "glm-qwen.yaml")
    devices = by_name(memory_plan(glm, glm.in_profile("full")))
    ram = need(devices["epyc/RAM"], "grandpa")
    on_gpu = need(devices["epyc/dev0"], "grandpa")
    assert (ram.weights_gib, ram.kv_gib_per_request, ram.max_parallel) == (389, 0, None)
    assert (on_gpu.weights_gib, on_gpu.kv_gib_per_request) == (16.5, 5.484375)
    assert [each.slot for each in devices["epyc/dev0"].slots] == ["grandpa", "worker-0"]


def test_what_does_not_fit_says_what_would() -> None:
    """22 GiB beside the reserve: 10 of weights leave 12 requests, and 13 were asked for."""
    [gpu] = plan_of(fleet({"gpus": ["GPU0"], "parallel": 13})).devices
    assert (gpu.fits, gpu.free_gib) == (False, -1)
    assert need(gpu, "slot-0").max_parallel == 12


def test_exactly_full_fits() -> None:
    [gpu] = plan_of(fleet({"gpus": ["GPU0"], "parallel": 12})).devices
    assert (gpu.fits, gpu.free_gib, need(gpu, "slot-0").max_parallel) == (True, 0, 12)


def test_slots_that_share_a_gpu_leave_each_other_less() -> None:
    small = {"gpus": ["GPU0"], "weights": {"repo": "m", "size_gib": 5}}
    [gpu] = plan_of(fleet(small, {**small, "parallel": 2})).devices
    # 5 + 4 and 5 + 2 of 22.
    assert (gpu.used_gib, gpu.free_gib) == (16, 6)
    assert [each.max_parallel for each in gpu.slots] == [10, 8]


def test_weights_alone_that_do_not_fit_leave_no_request() -> None:
    [gpu] = plan_of(fleet({"gpus": ["GPU0"], "weights": {"repo": "m", "size_gib": 30}})).devices
    assert (gpu.fits, need(gpu, "slot-0").max_parallel) == (False, 0)


def test_two_gpus_share_a_slot() -> None:
    both = plan_of(fleet({"gpus": ["GPU0", "GPU1"], "parallel": 20}, gpus=2)).devices
    # 5 + 20 × 0.5 on each.
    assert [device.used_gib for device in both] == [15, 15]
    assert [need(device, "slot-0").max_parallel for device in both] == [34, 34]


def four_gpus(cache: dict[str, Any], runtime: str = "vllm") -> float | None:
    """GiB a request on each of four GPUs, with 131,072 tokens of context."""
    gpus = [f"GPU{number}" for number in range(4)]
    slot = {"gpus": gpus, "runtime": runtime, "context_tokens": 131_072, "kv_cache": cache}
    needs = [need(device, "slot-0") for device in plan_of(fleet(slot, gpus=4)).devices]
    [kv] = {each.kv_gib_per_request for each in needs}
    assert {each.weights_gib for each in needs} == {2.5}
    return kv


@pytest.mark.parametrize(
    ("layers", "tensor", "by_layer"),
    [
        # 61 × 576 × 2 bytes × 131,072 tokens: DeepSeek's latent cache, of which nothing is cut.
        ({"layers": 61, "latent_dim": 576}, 8.578125, 2.14453125),
        # 2 heads of 128 in 24 layers are 3 GiB: one on each GPU, twice.
        ({"layers": 24, "kv_heads": 2, "head_dim": 128}, 1.5, 0.75),
        # 4 heads are one on each, 8 are two; of 6, somebody has two.
        ({"layers": 24, "kv_heads": 4, "head_dim": 128}, 1.5, 1.5),
        ({"layers": 24, "kv_heads": 8, "head_dim": 128}, 3.0, 3.0),
        ({"layers": 24, "kv_heads": 6, "head_dim": 128}, 3.0, 2.25),
    ],
)
def test_what_is_cut_over_four_gpus(layers: dict[str, Any], tensor: float, by_layer: float) -> None:
    assert four_gpus({"layers": [layers]}) == tensor
    assert four_gpus({"layers": [layers]}, "openai") == tensor
    assert four_gpus({"layers": [layers]}, "llama.cpp") == by_layer


def test_a_recurrent_state_is_shared_evenly() -> None:
    cache = {"layers": [{"layers": 24, "kv_heads": 4, "head_dim": 128}], "bytes_per_request": GIB}
    assert four_gpus(cache) == 1.75


@pytest.mark.parametrize(
    "layers",
    [
        {"layers": 1},
        {"layers": 1, "kv_heads": 2},
        {"layers": 1, "head_dim": 2},
        {"layers": 1, "kv_heads": 2, "head_dim": 2, "latent_dim": 2},
        {"layers": 1, "head_dim": 2, "latent_dim": 2},
    ],
)
def test_layers_have_heads_or_a_latent(layers: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="either kv_heads and head_dim, or latent_dim"):
        KvCache.model_validate({"layers": [layers]})


def test_what_is_unknown_is_said_and_not_guessed() -> None:
    known = {"gpus": ["GPU0"]}
    [gpu] = plan_of(fleet(known, {**known, "weights": None})).devices
    assert (gpu.used_gib, gpu.free_gib, gpu.fits) == (14, 8, None)
    assert [each.need_gib for each in gpu.slots] == [14, None]
    assert [each.max_parallel for each in gpu.slots] == [None, None]
    [gpu] = plan_of(fleet({**known, "parallel": 20}, {**known, "kv_cache": None})).devices
    assert gpu.fits is False  # whatever the other one takes
    gpu, ram = plan_of(fleet({}, ram_gib=None)).devices
    assert (ram.name, ram.used_gib, ram.free_gib, ram.fits) == ("box/RAM", 14, None, None)
    assert (gpu.slots, gpu.free_gib, gpu.fits) == ([], 22, True)
    assert plan_of(fleet({"host": None})).unplaced == ["slot-0"]
