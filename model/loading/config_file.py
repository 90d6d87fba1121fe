"""Reading of config.json, also of one that an earlier version has written.

Pydantic checks names, types and nesting. Owns: `config_from_json`, and the field names and defaults
of earlier versions.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

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


def config_from_json(values: Mapping[str, Any]) -> OmniConfig:
    """Return the config from the plain values of a config.json, of this or an earlier version.

    Raises: ValueError where a field is unknown, missing or of another type.
    """
    renamed = {OLD_NAMES.get(name, name): value for name, value in values.items()}
    try:
        return _reader().validate_python({**OLD_DEFAULTS, **renamed})
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        reason = f"{first['msg'][:1].lower()}{first['msg'][1:]}"
        raise ValueError(
            f"the checkpoint's config.json does not fit this version: {where}: {reason}"
        ) from error


@cache
def _reader() -> TypeAdapter[OmniConfig]:
    """The validator, built once a process."""
    return TypeAdapter(OmniConfig)
