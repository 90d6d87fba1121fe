"""Reading of config.json, also of one that an earlier version has written.

Pydantic checks names, types and nesting. Owns: `config_from_json`, and the field names and defaults
of earlier versions.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from flow.calibration import GRIDS
from flow.metric import Metric
from flow.transition import TRANSITIONS
from model.config import OmniConfig

OLD_NAMES = {
    "makes_films": "generates_video",
    "finds": "has_embedding",
    "paced": "time_aligned",
}
"""Field names of earlier versions, and those that they have now."""
OLD_DEFAULTS: Mapping[str, Any] = {
    "video_frames": 0,
    "thinks": False,
    "has_embedding": False,
    "neighbours": False,
    "time_aligned": False,
}
"""Values of fields that a config.json lacks because it is older than the field."""


MOST: Mapping[str, int] = {
    "layers": 256, "depths": 256, "blocks": 1024, "frames": 1024, "heads": 4096,
    "codebooks": 64, "bits": 64,
}  # fmt: skip
"""The largest whole numbers of fields by the last word of their name."""
MOST_OF_ALL, LARGEST = 2**20, 1e12
"""The largest whole number of any other field, and the largest other number."""
POSITIVE = {
    "steps", "c", "a", "top_p", "rope_theta", "text_block", "text_blocks", "text_vocabulary",
    "heads", "head_dim", "kv_heads", "cardinality", "num_codebooks", "image_px", "patch_px",
}  # fmt: skip
"""Numbers that cannot be 0."""
NAMES: Mapping[str, Collection[str]] = {
    "metric": tuple(Metric), "grid": tuple(GRIDS), "transition": tuple(TRANSITIONS),
}  # fmt: skip
"""The values of fields that name something."""


def config_from_json(
    values: object, source: Path | str = "the checkpoint's config.json"
) -> OmniConfig:
    """Return the config from the plain values of a config.json, of this or an earlier version.
    source: named where something is wrong.

    Raises: ValueError where a field is unknown, missing, of another type or out of range.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{source} does not fit this version: it is no table of values")
    renamed = {OLD_NAMES.get(name, name): value for name, value in values.items()}
    try:
        config = _reader().validate_python({**OLD_DEFAULTS, **renamed})
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        reason = f"{first['msg'][:1].lower()}{first['msg'][1:]}"
        raise ValueError(f"{source} does not fit this version: {where}: {reason}") from error
    for where, value in _numbers(config, ""):
        if (reason := _impossible(where.rpartition(".")[2], value)) is not None:
            raise ValueError(f"{source} does not fit this version: {where}: {reason}")
    return config


def _numbers(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Yield every plain value of a config with its place."""
    if is_dataclass(value):
        for one in fields(value):
            yield from _numbers(getattr(value, one.name), f"{where}.{one.name}".lstrip("."))
    elif isinstance(value, tuple):
        for one in value:
            yield from _numbers(one, where)
    else:
        yield where, value


def _impossible(name: str, value: Any) -> str | None:
    """Return the reason why a field cannot have a value."""
    if isinstance(value, str):
        known = NAMES.get(name)
        return None if known is None or value in known else f"choose one of {', '.join(known)}"
    if name in POSITIVE and isinstance(value, int | float) and not value > 0:
        return f"{value} is not above 0"
    if isinstance(value, int):
        most = MOST.get(name.rpartition("_")[2], MOST_OF_ALL)
        return None if 0 <= value <= most else f"{value} is not from 0 to {most}"
    if isinstance(value, float) and not abs(value) <= LARGEST:
        return f"{value} is too large or no number"
    return None


@cache
def _reader() -> TypeAdapter[OmniConfig]:
    """The validator, built once a process."""
    return TypeAdapter(OmniConfig)
