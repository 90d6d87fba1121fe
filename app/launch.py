"""The settings of a page's process, from the environment and the command line."""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import AliasChoices, BaseModel, Field

from app.admission.origins import Origins, is_loopback
from engine.api.default_checkpoint import SHIPPED
from engine.media.marking.marker import Marker

MAX_PORT = 65535
DEFAULT_GALLERY = Path("data/gallery")
"""The default of `python -m retrieval add`, too."""
HELP = (
    "The entry point: load the engine, serve the page. `python app.py` is also what a Space runs."
)


class LaunchSettings(BaseModel, frozen=True):
    """Values by the names of the environment; the command line overrides those of `read_settings`.
    engine: address of a worker that has the model, "" where this process loads it; engine_key: its
    API key. marks: on or off; mark_key: their secret, "" is that of everybody. port: as text, since
    only `serve` needs a number. space: the Space that runs the page. origin: other addresses by
    which a proxy leads here, as https://NAME, with commas between."""

    model: Path = Field(SHIPPED, validation_alias="NEXT_OMNI_CHECKPOINT")
    gallery: Path | None = Field(None, validation_alias="NEXT_OMNI_GALLERY")
    device: str = Field("auto", validation_alias="NEXT_OMNI_DEVICE")
    weights: str = Field("auto", validation_alias="NEXT_OMNI_WEIGHTS")
    speech_codec: str | None = Field(None, validation_alias="NEXT_OMNI_SPEECH_CODEC")
    origin: str = Field("", validation_alias="NEXT_OMNI_ORIGIN")
    engine: str = Field("", validation_alias="NEXT_OMNI_ENGINE")
    engine_key: str = Field("", validation_alias="NEXT_OMNI_ENGINE_KEY")
    marks: str = Field("on", validation_alias="NEXT_OMNI_MARKS")
    mark_key: str = Field("", validation_alias="NEXT_OMNI_MARK_KEY")
    address: str = Field("127.0.0.1", validation_alias="GRADIO_SERVER_NAME")
    port: str = Field("7860", validation_alias=AliasChoices("GRADIO_SERVER_PORT", "PORT"))
    space: str | None = Field(None, validation_alias="SPACE_ID")

    @property
    def port_number(self) -> int:
        """The port. Raises: ValueError where it is none."""
        if not (
            self.port.isascii()
            and self.port.isdecimal()
            and len(self.port) < 9
            and 1 <= int(self.port) <= MAX_PORT
        ):
            raise ValueError(
                f"the port is a whole number from 1 to {MAX_PORT}, not {self.port[:40]!r}: set "
                "GRADIO_SERVER_PORT"
            )
        return int(self.port)

    @property
    def marker(self) -> Marker:
        """The marker of the files. Raises: ValueError where marks is neither on nor off."""
        return Marker.of(self.marks, self.mark_key)

    @property
    def origins(self) -> Origins:
        """The sites and hosts that may use the page."""
        others = tuple(part.strip().rstrip("/").lower() for part in self.origin.split(","))
        local = is_loopback(self.address) and not self.space
        return Origins(local, tuple(part for part in others if part))

    @property
    def own_gallery(self) -> Path | None:
        """The gallery that takes in folders while the page runs; None where others can see it."""
        alone = is_loopback(self.address) and not self.space
        return (self.gallery or DEFAULT_GALLERY) if alone else None


def check_temporary_folder() -> None:
    """Nothing, where uploads and what visitors keep can be written. Raises: ValueError where they
    cannot."""
    try:
        with tempfile.TemporaryFile():
            pass
    except OSError as error:
        why = (error.strerror or "none can be written to").lower()
        raise ValueError(
            f"there is no temporary folder to write to ({why}): set TMPDIR to another"
        ) from error


def read_settings(
    environment: Mapping[str, str], argv: Sequence[str] | None = None
) -> LaunchSettings:
    """Return the settings; an empty variable counts as one that is not set. argv: of the process
    where it is None. Exits with a message where an option is wrong."""
    settings = LaunchSettings.model_validate({k: v for k, v in environment.items() if v})
    parser = argparse.ArgumentParser(description=HELP)
    helps = {
        "model": "folder of it, or its Hub name",
        "gallery": "of python -m retrieval add",
        "device": "auto, cpu, cuda, or cuda:0,cuda:1",
        "weights": "auto, or int8: half the memory",
        "speech_codec": "command, see docs/checkpoints.md",
        "engine": "http://HOST:8000 of python -m serving, which has the model",
        "marks": "on, or off: files say invisibly that a model made them",
        "origin": "https://NAME of a proxy that leads here",
    }
    for name, sentence in helps.items():
        kind = Path if name in ("model", "gallery") else str
        option, default = f"--{name.replace('_', '-')}", getattr(settings, name)
        parser.add_argument(option, type=kind, default=default, help=sentence)
    return settings.model_copy(update=vars(parser.parse_args(argv)))
