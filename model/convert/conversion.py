"""One conversion. All names, shapes and sizes are checked first; then one tensor after the other
moves from the source to new shards, so that memory never holds a full copy of either.

Tensors keep the data type of the source. Owns: `convert`, `rehearse`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from torch import Tensor
from tqdm import tqdm

from flow.modality import Modality, TokenSpace
from model.config import OmniConfig
from model.convert.layout import Layout, Shapes, asked_for, places
from model.convert.layouts.text_tokenizer import Exchange, with_markers
from model.convert.random_init import fresh_tensors
from model.convert.report import Report
from model.convert.writer import Staging, Target
from model.loading.hf_folder import HfFolder
from model.loading.placement import shapes
from model.loading.tensor_file import tensors
from model.tokenizers.text import TextTokenizer

HALF_BYTES = 2


@dataclass(frozen=True)
class _Plan:
    """The origin of each tensor of the new checkpoint. used: source name -> our name. kept: our
    names that stay as they are; moved: those of `kept` in shards that are replaced. fresh: our
    names to initialise randomly. staying: shards that are not touched."""

    config: OmniConfig
    wanted: Shapes
    used: dict[str, str]
    kept: list[str]
    moved: list[str]
    fresh: list[str]
    staying: set[Path]


def convert(layout: Layout, source: HfFolder, target: Target) -> Report:
    """Fill this layout's part of the target from the source.

    Raises: ValueError with one sentence where they do not fit or the source is broken; the target
    is then unchanged.
    """
    plan = _planned(layout, source, target)
    exchange = layout.exchange(source)
    tokenizer = _tokenizer(layout, source, target, plan.config, exchange)
    layout.check(source)
    sizes = {name: prod(plan.wanted[name]) * HALF_BYTES for name in plan.fresh}
    sizes |= {place: source.stored[name].num_bytes for name, place in plan.used.items()}
    sizes |= {name: target.stored[name].num_bytes for name in plan.moved}
    total = sum(sizes.values())
    bar = tqdm(total=total, unit="B", unit_scale=True, desc=layout.kind)
    with Staging(target, total) as staging, bar:
        for name, tensor in _arriving(layout, source, target, plan, exchange):
            staging.add(name, tensor)
            bar.update(sizes.get(name, 0))
        staging.commit(
            plan.config, _facts(layout, source, target, plan.config.name), tokenizer, plan.staying
        )
    return Report(
        layout=layout,
        source=source,
        shapes=plan.wanted,
        filled=sorted(plan.used.values()),
        made=list(layout.makes),
        kept=plan.kept,
        fresh=plan.fresh,
        unused=sorted(set(source.stored) - set(plan.used)),
        before=plan.config if layout.whole else target.config,
        after=plan.config,
    )


def rehearse(layout: Layout, source: HfFolder, target: Target) -> OmniConfig:
    """Return the config that `convert` would write, after all of its checks but those of tensor
    values.

    Raises: ValueError as `convert` does.
    """
    config = _planned(layout, source, target).config
    _tokenizer(layout, source, target, config, layout.exchange(source))
    return config


def _planned(layout: Layout, source: HfFolder, target: Target) -> _Plan:
    if source.model_type not in layout.model_types:
        raise ValueError(
            f"{source.folder} is a {source.model_type or 'nameless'} checkpoint and no "
            f"{layout.what}: `python -m engine info --model` says which command takes it"
        )
    if not target.is_new and (layout.whole or target.is_whole != layout.joins):
        raise ValueError(
            f"{target.folder} is a checkpoint that a {layout.what} cannot be a part of: give an "
            "empty folder"
        )
    config = asked_for(layout, target.config, source)
    space = TokenSpace(Modality.TEXT, 1, config.text_vocabulary)
    wanted = {
        name: tuple(tensor.shape) for name, tensor in shapes(config, space).state_dict().items()
    }
    used = places(layout, source, config, wanted)
    others = [n for n in wanted if n not in {*used.values(), *layout.makes}]
    kept = [n for n in others if n in target.stored and target.stored[n].shape == wanted[n]]
    fresh = sorted(set(others) - set(kept))
    if fresh and not target.is_new:
        raise ValueError(
            f"{target.folder} is no whole checkpoint ({len(fresh)} tensors are missing or of "
            f"another shape, {fresh[0]} is one): give an empty folder"
        )
    stale = {place.file for name, place in target.stored.items() if name not in kept}
    moved = [n for n in kept if target.stored[n].file in stale]
    staying = {target.stored[name].file for name in kept} - stale
    return _Plan(config, wanted, used, kept, moved, fresh, staying)


def _arriving(
    layout: Layout, source: HfFolder, target: Target, plan: _Plan, exchange: Exchange
) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor to write, under our name."""
    for name, tensor in source.read(plan.used):
        yield from layout.turned(plan.used[name], tensor, plan.config, exchange).items()
    for file in sorted({target.stored[name].file for name in plan.moved}):
        yield from tensors(file, [n for n in plan.moved if target.stored[n].file == file])
    yield from fresh_tensors(plan.config, set(plan.fresh))


def _tokenizer(
    layout: Layout, source: HfFolder, target: Target, config: OmniConfig, exchange: Exchange
) -> TextTokenizer | None:
    """Return the tokenizer to write: the source's where the layout has text, an empty one for a new
    checkpoint, or None to keep the present one."""
    if layout.words:
        found = with_markers(source.folder, config.text_vocabulary, exchange)
        layout.proof(source, found)
        return found
    return TextTokenizer.train([], config.text_vocabulary) if target.is_new else None


def _facts(layout: Layout, source: HfFolder, target: Target, name: str) -> dict[str, Any]:
    """Return the target's facts with this conversion added, by kind."""
    before = target.facts.get("converted", {})
    untrained = [kind for kind in target.facts.get("untrained", []) if kind != layout.kind]
    if layout.whole:
        untrained = []
    this = {"from": source.name, "architecture": source.architecture}
    now = {"name": name, "converted": {**before, layout.kind: this}, "untrained": untrained}
    return {**target.facts, **now}
