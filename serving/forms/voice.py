"""The voice of an answer: one of the checkpoint's speaking styles. Owns: `style_of`."""

from collections.abc import Mapping
from typing import Any

from engine.api.request import Modality
from serving.errors import ApiError


def style_of(voice: str, info: Mapping[str, Any], param: str) -> str | None:
    """Return the style for `engine.api.request.Request`. info: what the checkpoint can, as
    `engine.info` says it. param: the name of the voice in the client's form.

    Raises: ValueError where it does not speak; ApiError where it has no such voice.
    """
    if str(Modality.AUDIO) not in info.get("modalities", ()):
        raise ValueError("this checkpoint does not speak: ask /v1/models what it answers with")
    styles = info.get("styles") or ["default"]
    if voice not in styles:
        raise ApiError(
            400,
            f"Unknown voice '{voice[:40]}': choose one of {', '.join(styles)}.",
            param=param,
            code="invalid_value",
        )
    return voice if info.get("styles") else None
