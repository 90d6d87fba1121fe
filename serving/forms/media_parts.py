"""The parts of a message from what a client sends: base64, data addresses and uploads.

Files are read by `engine.media`, with its limits and its sentences. Nothing is fetched. Owns: the
content parts of the OpenAI API, and the ones for films. Does not own: the messages
(`serving.api.chat`).
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from engine.api.conversation import Part
from engine.media.audio import read_sound
from engine.media.images import read_picture
from engine.media.video import read_film
from serving.forms.fields import Form, Neutral

FETCHES_NOTHING = (
    "This server fetches nothing from other addresses: send the file itself, as "
    "data:image/png;base64,... for example."
)
ONE_SEEN = (
    "A message holds one picture or one film, besides a sound: send them one after the other and "
    "ask about “the first one”."
)
ONE_HEARD = "A message holds one sound, besides a picture or a film: take the others out."
DEAF = "This checkpoint does not hear: take the sound out, and write what you want to say."
NO_FILMS = "This checkpoint does not watch films: send a picture."


class TextPart(Form):
    """Words."""

    type: Literal["text", "input_text", "output_text"]
    text: str
    neutral: ClassVar[Neutral] = {"annotations": ()}

    def part(self) -> Part:
        return Part(text=self.text)


class Address(Form):
    """The address of a file, which holds it."""

    url: str
    neutral: ClassVar[Neutral] = {"detail": ()}


class ImagePart(Form):
    """A picture."""

    type: Literal["image_url"]
    image_url: Address

    def part(self) -> Part:
        return Part(image=read_picture(from_address(self.image_url.url)))


class VideoPart(Form):
    """A film: an extension."""

    type: Literal["video_url"]
    video_url: Address

    def part(self) -> Part:
        return Part(video=read_film(from_address(self.video_url.url)))


class Sound(Form):
    """A sound in base64; its format is found in it."""

    data: str
    format: str = "wav"


class AudioPart(Form):
    """A sound."""

    type: Literal["input_audio"]
    input_audio: Sound

    def part(self) -> Part:
        return Part(audio=read_sound(from_base64(self.input_audio.data)))


class File(Form):
    """A file by its data address, whose type says what it is."""

    file_data: str
    filename: str | None = None


class FilePart(Form):
    """A picture, a film or a sound."""

    type: Literal["file"]
    file: File

    def part(self) -> Part:
        content = from_address(self.file.file_data)
        kind = self.file.file_data.removeprefix("data:").partition("/")[0].lower()
        match kind:
            case "image":
                return Part(image=read_picture(content))
            case "video":
                return Part(video=read_film(content))
            case "audio":
                return Part(audio=read_sound(content))
            case _:
                raise ValueError("a file here is a picture, a film or a sound")


ContentPart = Annotated[
    TextPart | ImagePart | VideoPart | AudioPart | FilePart, Field(discriminator="type")
]
Content = str | list[ContentPart]


def parts_of(content: Content, info: Mapping[str, Any]) -> tuple[Part, ...]:
    """Return the parts of one message. info: what the checkpoint can, as `engine.info` says it.

    Raises: ValueError where a file cannot be read, there are more than are read together, or the
    checkpoint cannot use one.
    """
    if isinstance(content, str):
        return (Part(text=content),)
    return usable(tuple(part.part() for part in content), info)


def usable(parts: tuple[Part, ...], info: Mapping[str, Any]) -> tuple[Part, ...]:
    """Return the parts of one message. Raises: ValueError where there are more than are read
    together, or the checkpoint cannot use one."""
    seen = [part for part in parts if part.is_seen]
    heard = [part for part in parts if part.audio is not None]
    for wrong, sentence in (
        (bool(heard) and not info.get("hears_s"), DEAF),
        (any(p.video is not None for p in seen) and not _watches(info), NO_FILMS),
        (len(seen) > 1, ONE_SEEN),
        (len(heard) > 1, ONE_HEARD),
    ):
        if wrong:
            raise ValueError(sentence)
    return parts


def from_address(url: str) -> bytes:
    """Return the bytes of a data address. Raises: ValueError where it is another address."""
    if not url[:5].lower() == "data:":
        raise ValueError(FETCHES_NOTHING)
    head, comma, body = url.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise ValueError("a data address ends with ;base64, and the file in base64")
    return from_base64(body)


def from_base64(text: str) -> bytes:
    """Return the bytes. Raises: ValueError where it is no base64."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the file is not valid base64: encode it again") from None


def _watches(info: Mapping[str, Any]) -> bool:
    return bool(info.get("config", {}).get("video_frames"))
