"""Which device holds which layers of the backbone, where one device is too small for all of them.

Everything else is on the first device: the rows of words, the heads, the tokenizers of pictures and
sound, the tables of distances; there the features of the last layer come back to. Only what a layer
hands to the next one moves between devices (`model.network.backbone`). Owns: `plan_pipeline`,
`assign_layers`.
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
    """The placement with a device for every layer, where it has several and needs them.

    Raises: ValueError with the numbers where the model does not fit.
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
    """How many of the layers, in their order, each device takes, so that as much room as possible
    is left on the one with the least; None where there is too little. layers: their bytes, all
    alike. rooms: free bytes of each device."""
    left, counts = list(rooms), [0] * len(rooms)
    for size in layers:
        widest = left.index(max(left))
        if left[widest] < size:
            return None
        left[widest] -= size
        counts[widest] += 1
    return tuple(counts)
