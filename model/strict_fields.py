"""The base class of all settings that a file may hold: unknown fields are an error."""

from typing import ClassVar

from pydantic import ConfigDict


class StrictFields:
    """Make pydantic refuse field names that a dataclass does not have."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
