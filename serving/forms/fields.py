"""The shared part of the endpoints' forms: strictness, and the sampling settings.

A parameter that is not in a form is refused by name. One that OpenAI has and this server cannot
honour is taken where it says nothing (`neutral`) and refused elsewhere. Owns: `Form`,
`Neutral`, `SamplingSettings`, `SamplingFields`, `filled`.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError
from starlette.datastructures import FormData, UploadFile

from engine.api.sampling import Sampling
from serving.errors import ApiError

MAX_RANDOM_SEED = 2**31

Neutral = Mapping[str, tuple[Any, ...]]


class Form(BaseModel):
    """neutral: parameter of OpenAI's -> the values of it that change nothing here; an empty tuple
    takes every value."""

    model_config = ConfigDict(extra="forbid")
    neutral: ClassVar[Neutral] = {}

    @model_validator(mode="before")
    @classmethod
    def _without_neutral(cls, said: Any) -> Any:
        if not isinstance(said, dict):
            return said
        for name in cls.neutral.keys() & said.keys():
            values = cls.neutral[name]
            if values and said[name] is not None and said[name] not in values:
                raise PydanticCustomError(
                    "unsupported_parameter",
                    "This server cannot honour '{param}' with that value: leave it out.",
                    {"param": name},
                )
        return {k: v for k, v in said.items() if k not in cls.neutral}


class SamplingSettings(Form):
    """The settings of a generation. steps, guidance_scale, method: extensions, see
    `engine.api.sampling`. Without a seed there is a new one each time."""

    seed: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    method: str | None = None
    temperature: float | None = None
    top_p: float | None = None

    def sampling(self) -> Sampling:
        """Return them as the engine takes them. Raises: ValueError where one is out of range."""
        seed = secrets.randbelow(MAX_RANDOM_SEED) if self.seed is None else self.seed
        return Sampling(
            seed=seed,
            steps=self.steps,
            guidance_scale=self.guidance_scale,
            temperature=self.temperature,
            top_p=self.top_p,
        ).by(self.method)


class SamplingFields(SamplingSettings):
    """The settings of a generation that names its model."""

    model: str


async def filled(form: FormData, files: Sequence[str]) -> tuple[dict[str, str], dict[str, bytes]]:
    """Return the values of a multipart form and its one file of each of those names, bytes by name.
    A list's name ends with [], and must have one entry.

    Raises: ApiError where a name comes twice, or a file is no file.
    """
    values: dict[str, str] = {}
    content: dict[str, bytes] = {}
    for key, value in form.multi_items():
        name = key.removesuffix("[]")
        if name in values or name in content:
            raise ApiError(400, f"One '{name}' at a time: send one only.", param=name)
        if isinstance(value, UploadFile) != (name in files):
            wanted = "a file" if name in files else "a value, not a file"
            raise ApiError(400, f"'{name}' has to be {wanted}.", param=name, code="invalid_type")
        if isinstance(value, UploadFile):
            content[name] = await value.read()
        else:
            values[name] = value
    return values, content
