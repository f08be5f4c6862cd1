"""The memory plan: what weights and KV caches take of each GPU, and what still fits. Pure.

A slot's need on a device is its weights there, and for each of its `parallel` requests the KV cache
of a full context. A slot on several GPUs has an even share of the weights on each. llama.cpp gives
each GPU whole layers, so the KV cache is shared evenly too. Tensor parallelism, all others' way,
cuts the heads of every layer: none below one head, and a latent cache not at all. A slot without a
GPU, and what `weights.ram_gib` names, lies in the host's RAM. All sizes in GiB.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from model_foundry.fleet.file import Fleet, KvCache, KvLayers, Slot

GIB: Final = 2**30


class SlotNeed(msgspec.Struct, frozen=True, kw_only=True):
    """What one slot takes of one device; None where the fleet file does not say."""

    slot: str
    parallel: int
    context_tokens: int
    weights_gib: float | None
    kv_gib_per_request: float | None
    need_gib: float | None
    max_parallel: int | None
    """The largest that fits while the device's other slots stay as they are; None: unknown, or
    no limit here."""


class DevicePlan(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU, or (`gpu` None) a host's RAM."""

    host: str
    gpu: str | None
    memory_gib: float | None
    reserve_gib: float
    used_gib: float
    """Of those slots whose need is known."""
    free_gib: float | None
    """Beyond the reserve; negative if it does not fit, None if the memory is unknown."""
    fits: bool | None
    """None: unknown."""
    slots: list[SlotNeed]

    @property
    def name(self) -> str:
        """`host/GPU`, or `host/RAM`."""
        return f"{self.host}/{self.gpu or 'RAM'}"


class MemoryPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Every GPU of the fleet, the RAM that slots use, and the slots whose place is not said."""

    devices: list[DevicePlan]
    unplaced: list[str]


class _Share(NamedTuple):
    slot: Slot
    weights_gib: float | None
    kv_gib: float | None

    @property
    def need_gib(self) -> float | None:
        if self.weights_gib is None or self.kv_gib is None:
            return None
        return self.weights_gib + self.kv_gib * self.slot.parallel


def kv_bytes_per_request(
    cache: KvCache, context_tokens: int, *, gpus: int = 1, tensor_parallel: bool = False
) -> float:
    """What the KV cache of one request with a full context takes on each of `gpus`, in bytes."""
    if cache.bytes_per_token is not None:
        return (cache.bytes_per_token * context_tokens + cache.bytes_per_request) / gpus
    return cache.bytes_per_request / gpus + sum(
        group.layers
        * _elements(group, gpus, tensor_parallel=tensor_parallel)
        * group.bytes_per_element
        * min(context_tokens, group.window_tokens or context_tokens)
        for group in cache.layers
    )


def _elements(group: KvLayers, gpus: int, *, tensor_parallel: bool) -> float:
    """What a layer keeps of a token on each GPU."""
    if group.kv_heads is None or group.head_dim is None:
        elements = float(group.latent_dim or 0)
        return elements if tensor_parallel else elements / gpus
    keys_and_values = 2 * group.head_dim
    if tensor_parallel:
        return keys_and_values * math.ceil(group.kv_heads / gpus)
    return keys_and_values * group.kv_heads / gpus


def memory_plan(fleet: Fleet, slots: Iterable[Slot]) -> MemoryPlan:
    """The plan for these slots of the fleet, all running at once."""
    slots = list(slots)
    shares: dict[tuple[str, str | None], list[_Share]] = {}
    for slot in slots:
        for device, share in _shares(slot):
            shares.setdefault(device, []).append(share)
    devices = []
    for host in fleet.hosts:
        for gpu in host.gpus:
            there = shares.get((host.name, gpu.name), [])
            devices.append(_device(host.name, gpu.name, gpu.memory_gib, gpu.reserve_gib, there))
        if there := shares.get((host.name, None), []):
            devices.append(_device(host.name, None, host.memory_gib, host.reserve_gib, there))
    return MemoryPlan(devices=devices, unplaced=[slot.name for slot in slots if slot.host is None])


def _shares(slot: Slot) -> Iterator[tuple[tuple[str, str | None], _Share]]:
    if slot.host is None:
        return
    size = slot.weights.size_gib if slot.weights else None
    in_ram = slot.weights.ram_gib if slot.weights else 0.0
    count = len(slot.gpus)
    kv = None
    if slot.kv_cache is not None:
        tensor_parallel = slot.runtime != "llama.cpp"
        kv_bytes = kv_bytes_per_request(
            slot.kv_cache, slot.context_tokens, gpus=count or 1, tensor_parallel=tensor_parallel
        )
        kv = kv_bytes / GIB
    if count == 0:
        yield (slot.host, None), _Share(slot, size, kv)
        return
    for gpu in slot.gpus:
        weights = None if size is None else (size - in_ram) / count
        yield (slot.host, gpu), _Share(slot, weights, kv)
    if in_ram:
        yield (slot.host, None), _Share(slot, in_ram, 0.0)


def _device(
    host: str, gpu: str | None, memory_gib: float | None, reserve_gib: float, shares: list[_Share]
) -> DevicePlan:
    needs = [share.need_gib for share in shares]
    known = [need for need in needs if need is not None]
    used = sum(known)
    free = None if memory_gib is None else memory_gib - reserve_gib - used
    complete = len(known) == len(needs)
    fits = None
    if free is not None and (free < 0 or complete):
        fits = free >= 0
    return DevicePlan(
        host=host,
        gpu=gpu,
        memory_gib=memory_gib,
        reserve_gib=reserve_gib,
        used_gib=used,
        free_gib=free,
        fits=fits,
        slots=[
            SlotNeed(
                slot=share.slot.name,
                parallel=share.slot.parallel,
                context_tokens=share.slot.context_tokens,
                weights_gib=share.weights_gib,
                kv_gib_per_request=share.kv_gib,
                need_gib=share.need_gib,
                max_parallel=_max_parallel(share, free if complete else None),
            )
            for share in shares
        ],
    )


def _max_parallel(share: _Share, free_gib: float | None) -> int | None:
    if free_gib is None or not share.kv_gib:
        return None
    return max(0, share.slot.parallel + math.floor(free_gib / share.kv_gib + 1e-9))
