"""The selection that the gallery shows without a query: a little of everything, shuffled."""

from collections import defaultdict
from collections.abc import Sequence
from random import Random

from engine.api.request import Modality
from retrieval.item import Item

OFTEN = {Modality.IMAGE: 6.0, Modality.VIDEO: 3.5, Modality.AUDIO: 1.5, Modality.TEXT: 0.6}
"""The weight of each modality in a sample, whatever the collection has most of."""


def sample_items(items: Sequence[Item], owner: str, k: int, chance: Random) -> list[Item]:
    """Return k items: what the owner kept, newest first, then the others, mixed."""
    mine = [item for item in items if owner and item.owner == owner]
    kinds: defaultdict[Modality, list[Item]] = defaultdict(list)
    for item in items:
        if not owner or item.owner != owner:
            kinds[item.modality].append(item)
    keyed: list[tuple[float, str, Item]] = []
    for modality, some in kinds.items():
        chosen = chance.sample(some, min(k, len(some)))
        for i, item in enumerate(chosen):
            keyed.append(((i + chance.random()) / OFTEN[modality], item.id, item))
    keyed.sort(key=lambda entry: entry[:2])
    return [*mine[::-1], *(item for _, _, item in keyed)][:k]
