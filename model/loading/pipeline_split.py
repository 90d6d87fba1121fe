"""Distribution of backbone layers over several devices, where one is too small for all.

Everything else is on the first device: embeddings, heads, tokenizers and distance tables; the last
layer's features return to it. Only a layer's output moves between devices
(`model.network.backbone`). Owns: `plan_pipeline`, `assign_layers`.
"""

from collections.abc import Sequence
from dataclasses import replace

from flow.modality import TokenSpace
from model.config import OmniConfig
from model.loading.placement import (
    LAYERS,
    WORKING_BYTES,
    Placement,
    advice,
    check_memory,
    estimate,
    free_bytes,
    gigabytes,
    layer_of,
    weight_bytes,
)


def plan_pipeline(config: OmniConfig, space: TokenSpace, placement: Placement) -> Placement:
    """Return the placement with a device for every layer, where there are several and they are
    needed.

    Raises: ValueError with the sizes where the model does not fit.
    """
    devices = placement.devices
    if len(devices) == 1:
        check_memory(config, space, placement)
        return placement
    needed = estimate(config, space, placement).total
    free = [free_bytes(device) // devices.count(device) for device in devices]
    if placement.if_needed and needed <= free[0]:
        return replace(placement, others=(), if_needed=False)
    layers = [0] * config.backbone.layers
    for name, num in weight_bytes(config, space, placement).items():
        if name.startswith(LAYERS):
            layers[layer_of(name)] += num
    rest = needed - sum(layers)
    counts = assign_layers(layers, [free[0] - rest, *(room - WORKING_BYTES for room in free[1:])])
    if counts is None:
        there = " and ".join(
            f"{gigabytes(room)} on {device}" for device, room in zip(devices, free, strict=True)
        )
        raise ValueError(
            f"{config.name} needs about {gigabytes(needed)}, {gigabytes(rest)} of it on the "
            f"first device, and {there} are free: {advice(placement)}"
        )
    spread = (device for device, num in zip(devices, counts, strict=True) for _ in range(num))
    return replace(placement, layers=tuple(spread))


def assign_layers(layers: Sequence[int], rooms: Sequence[int]) -> tuple[int, ...] | None:
    """Return the number of consecutive layers of each device that leaves the most memory free on
    the fullest one; None where memory is short. layers: bytes of each layer, all equal. rooms: free
    bytes of each device."""
    left, counts = list(rooms), [0] * len(rooms)
    for size in layers:
        widest = left.index(max(left))
        if left[widest] < size:
            return None
        left[widest] -= size
        counts[widest] += 1
    return tuple(counts)
