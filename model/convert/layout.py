"""What a layout of published checkpoints is to ours: where each tensor goes, and which sizes must
agree. Owns: `Layout`, and the sentences about tensors and sizes that do not fit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from model.config import OmniConfig
from model.convert.layouts.text_tokenizer import NONE, Exchange
from model.loading.hf_folder import HfFolder
from model.tokenizers.text import TextTokenizer

UNUSED = ""
"""The place of a tensor that is known and has none here."""
FLOATS = ("F64", "F32", "F16", "BF16")
"""The types of number that weights come in."""
LARGEST = 2**40
"""What is above is no size."""
Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Turned = Callable[[str, Tensor, OmniConfig, Exchange], dict[str, Tensor]]


@dataclass(frozen=True)
class Layout:
    """kind: its name on the command line. what: it, in words. model_types: of config.json.
    fills: prefixes of our tensors that it fills, all of them; makes: those it computes. words:
    whether its tokenizer comes along. whole: whether that is all of a checkpoint, whose sizes are
    the source's and not a preset's. joins: whether it is a part of such a one, and not of ours.

    adopted: our config as the source asks for, and raises ValueError where sizes differ. place_of:
    our name for a name of the source, UNUSED, or None where it is unknown. fits: whether it can be
    a part of such a config. shape: in which the source has the tensor of our name, from ours.
    turned: the tensor of our name as we store it, and what is computed from it. check: raises
    ValueError where the source's numbers are not what we compute ourselves. exchange: its tokens
    that take the places of our markers. proof: raises ValueError where its words are not read as it
    reads them. joined: a config that it can be a part of, where it joins one.
    """

    kind: str
    what: str
    model_types: tuple[str, ...]
    fills: tuple[str, ...]
    adopted: Callable[[OmniConfig, HfFolder], OmniConfig]
    place_of: Callable[[str, OmniConfig], str | None]
    fits: Callable[[OmniConfig], bool] = lambda _: True
    shape: Callable[[str, Shape], Shape] = lambda _, ours: ours
    makes: tuple[str, ...] = ()
    words: bool = False
    whole: bool = False
    joins: bool = False
    turned: Turned = lambda name, tensor, *_: {name: tensor}
    check: Callable[[HfFolder], None] = lambda _: None
    exchange: Callable[[HfFolder], Exchange] = lambda _: NONE
    proof: Callable[[HfFolder, TextTokenizer], None] = lambda *_: None
    joined: Callable[[HfFolder], OmniConfig] | None = None


def asked_for(layout: Layout, config: OmniConfig, source: HfFolder) -> OmniConfig:
    """As `layout.adopted`. Raises: ValueError also where a value is of another kind than known."""
    try:
        return layout.adopted(config, source)
    except (TypeError, AttributeError, LookupError, ArithmeticError) as error:
        raise ValueError(
            f"the config.json or the tokenizer's files of {source.folder} say what no "
            f"{layout.what} says ({type(error).__name__}: {error}): fetch them again"
        ) from error


def numbers(source: HfFolder, whole: Sequence[str], real: Sequence[str] = ()) -> None:
    """Nothing. Raises: ValueError where config.json says one of these, and it is no such number
    above zero."""
    for key in (*whole, *real):
        said = source.config.get(key)
        kinds = (int, float) if key in real else int
        if said is not None and (
            isinstance(said, bool) or not isinstance(said, kinds) or not 0 < said < LARGEST
        ):
            kind = "number" if key in real else "whole number"
            raise ValueError(
                f"{source.folder}/config.json has {said!r} for {key}, which is no {kind} above "
                "zero: fetch it again"
            )


def agree(source: HfFolder, theirs: Mapping[str, Any], ours: Mapping[str, Any], name: str) -> None:
    """Raises: ValueError with every size that differs; name: of our config."""
    absent = [key for key in ours if theirs.get(key) is None]
    if absent:
        raise ValueError(f"{source.folder}/config.json does not say {', '.join(absent)}: fetch it")
    different = [
        f"{key} is {theirs[key]}, not {size}" for key, size in ours.items() if theirs[key] != size
    ]
    if different:
        raise ValueError(
            f"{source.folder} does not fit {name}: {'; '.join(different)}; "
            "choose another --preset or another checkpoint"
        )


def places(layout: Layout, source: HfFolder, config: OmniConfig, wanted: Shapes) -> dict[str, str]:
    """Name of the source -> ours, of every tensor that is used; wanted: all of ours.

    Raises: ValueError where one is missing, unknown or of another shape.
    """
    found = {name: layout.place_of(name, config) for name in source.stored}
    unknown = sorted(name for name, place in found.items() if place is None)
    used = {name: place for name, place in found.items() if place}
    missing = sorted({n for n in wanted if n.startswith(layout.fills)} - set(used.values()))
    if missing:
        raise ValueError(
            f"{source.folder} lacks {len(missing)} tensors that {config.name} needs "
            f"({_some(missing)}): fetch it again, or convert a whole {layout.what}"
        )
    strange = unknown + sorted(name for name, place in used.items() if place not in wanted)
    if strange:
        raise ValueError(
            f"{source.folder} has {len(strange)} tensors that no {layout.what} of this size has "
            f"({_some(strange)}): convert a whole checkpoint with its own config.json"
        )
    for name, place in used.items():
        shape = layout.shape(place, wanted[place])
        if source.stored[name].shape != shape:
            raise ValueError(
                f"{name} in {source.folder} has the shape {_times(source.stored[name].shape)}, and "
                f"{config.name} needs {_times(shape)}: its config.json is another one's"
            )
        if source.stored[name].dtype not in FLOATS:
            raise ValueError(
                f"{name} in {source.folder} is stored as {source.stored[name].dtype}, and weights "
                f"are read as {', '.join(FLOATS)}: fetch the checkpoint before it was quantized"
            )
    return used


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", .." if len(names) > 3 else "")


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "1"
