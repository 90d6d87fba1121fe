"""The mapping from a published checkpoint layout to ours: names of tensors and sizes that must
agree. Owns: `Layout`, and the errors about tensors and sizes that do not fit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from model.config import OmniConfig
from model.convert.layouts.text_tokenizer import NONE, Exchange
from model.loading.hf_folder import HfFolder
from model.tokenizers.text import TextTokenizer

UNUSED = ""
"""Target name of a tensor that is known and not used."""
FLOATS = ("F64", "F32", "F16", "BF16")
"""Data types of weights, as safetensors names them."""
LARGEST = 2**40
"""Upper bound of a plausible size."""
Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Turned = Callable[[str, Tensor, OmniConfig, Exchange], dict[str, Tensor]]


@dataclass(frozen=True)
class Layout:
    """A published layout.

    kind: name on the command line. what: description in words. model_types: values in config.json.
    fills: prefixes of our tensors, all of which it fills; makes: our tensors that are computed.
    words: its tokenizer is converted, too. whole: it is a complete checkpoint, whose sizes are the
    source's and not a preset's. joins: it is a part of such a complete checkpoint.

    adopted: returns our config with the source's settings; ValueError where sizes differ. place_of:
    our name for a source name, UNUSED, or None where unknown. fits: True where it can be a part of
    that config. shape: the source's shape of our tensor, given ours. turned: the tensor under our
    name as we store it, with tensors computed from it. check: ValueError where source tensors
    differ from values that we compute. exchange: source tokens that replace our markers. proof:
    ValueError where the converted tokenizer disagrees with the source's chat template. joined: a
    config that it can be a part of, where it joins one.
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
    """Return `layout.adopted`.

    Raises: ValueError also where a value of the source has an unexpected type.
    """
    try:
        return layout.adopted(config, source)
    except (TypeError, AttributeError, LookupError, ArithmeticError) as error:
        raise ValueError(
            f"the config.json or the tokenizer's files of {source.folder} say what no "
            f"{layout.what} says ({type(error).__name__}: {error}): fetch them again"
        ) from error


def numbers(source: HfFolder, whole: Sequence[str], real: Sequence[str] = ()) -> None:
    """Check numbers of config.json, where present. whole: keys of integers; real: keys of any
    number.

    Raises: ValueError where one is not a number of that kind in (0, 2^40).
    """
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
    """Check that sizes agree. name: of our config, for the message.

    Raises: ValueError that lists every size that is absent or differs.
    """
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
    """Return source name -> our name of every tensor that is used. wanted: shapes of all of ours.

    Raises: ValueError where one is missing, unknown or of another shape or data type.
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
