"""The plain values of a trace, as somebody else may have written them.

Pydantic checks names, types and nesting. Owns: `TraceDescription` and its parts, and the one
sentence for a field that is none of them. Does not own: arrays (`engine.inspection.trace_archive`).
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from engine.api.conversation import without_halves
from engine.api.sampling import Sampling
from engine.inspection.trace_archive import Unread, whole
from flow.modality import Modality

MAX_SEGMENTS, MAX_TURNS, MAX_PARTS = 32, 2000, 64
MAX_PIECE, MAX_NAME = 64, 200
"""Characters of a word, and of a name."""
MAX_WHOLE = 2**53 - 1
OLD_SETTINGS = {"hold": "keep_threshold"}
"""The names of settings in files of earlier versions."""
UNKNOWN_SETTING = "unknown_setting"
Values = TypeVar("Values", bound=BaseModel)
Whole = Annotated[int, Field(ge=0, le=MAX_WHOLE)]


class PlainValues(BaseModel):
    """Make pydantic refuse names that are not known, and infinite numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PartDescription(PlainValues):
    """One part of a turn; picture, film and sound name an array."""

    text: str | None = None
    picture: str | None = None
    film: str | None = None
    sound: str | None = None


class TurnDescription(PlainValues):
    """The message of one side."""

    role: str
    parts: Annotated[list[PartDescription], Field(max_length=MAX_PARTS)]


class StartDescription(PlainValues):
    """The state that a run started from, beside its arrays."""

    modality: Modality
    t: float
    segment: Whole = 0
    said: list[str] = []


class PinDescription(PlainValues):
    """See `engine.api.insertion.MediaInsertion`."""

    modality: Modality
    words: Whole | None = None


class InpaintingDescription(PlainValues):
    """See `engine.api.request.Inpainting`; its arrays stand apart."""

    strength: float


def _named(values: object) -> object:
    """Return settings by their present names. Raises: PydanticCustomError for an unknown one."""
    if not isinstance(values, Mapping):
        return values
    named = {OLD_SETTINGS.get(name, name): value for name, value in values.items()}
    if unknown := sorted(map(str, named.keys() - {f.name for f in fields(Sampling)})):
        raise PydanticCustomError(UNKNOWN_SETTING, "{name}", {"name": unknown[0]})
    return named


Settings = Annotated[Sampling, BeforeValidator(_named)]


class RequestDescription(PlainValues):
    """The request, its media and its start as names of arrays."""

    turns: Annotated[list[TurnDescription], Field(max_length=MAX_TURNS)]
    to: Modality | None
    sampling: Settings
    aloud: bool = False
    think: bool = False
    style: str | None = None
    pin: PinDescription | None = None
    repaint: InpaintingDescription | None = None
    start: StartDescription | None = None


class SegmentDescription(PlainValues):
    """One segment of the answer, beside its arrays."""

    modality: Modality
    sampling: Settings
    words: dict[int, str] = {}
    ends: list[int] = []
    text: str | None = None
    heard: Whole = 0
    length: int | None = None
    held: list[Whole] = []


class TraceDescription(PlainValues):
    """The whole of `about`."""

    format: str
    version: int
    checkpoint: dict[str, str]
    request: RequestDescription
    segments: list[SegmentDescription]


def read_json(text: str) -> object:
    """Return the values of JSON, halves of characters replaced. Raises: Unread where it is none."""
    with whole("its description"):
        return _without_halves(json.loads(text))


def described(kind: type[Values], values: object) -> Values:
    """Return values as their kind. Raises: Unread with a sentence that names the field."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        setting = (first["msg"],) if first["type"] == UNKNOWN_SETTING else ()
        where = ".".join(map(str, (*first["loc"], *setting)))[:MAX_NAME]
        if setting or first["type"] == "extra_forbidden":
            raise Unread(
                f"this trace is of a newer version of the program: its field {where!r} is not "
                "known here"
            ) from error
        reason = first["msg"].removeprefix("Value error, ")
        reason = f"{reason[:1].lower()}{reason[1:]}"
        raise Unread(f"this is not a whole trace: {where}: {reason}") from error


def _without_halves(value: Any) -> Any:
    match value:
        case str():
            return without_halves(value)
        case list():
            return [_without_halves(one) for one in value]
        case dict():
            return {without_halves(name): _without_halves(one) for name, one in value.items()}
        case _:
            return value
