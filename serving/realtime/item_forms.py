"""The items that a client puts into a conversation, as it sends them.

Owns: the forms of items and of their content. Does not own: items of a conversation
(`serving.realtime.conversation`), reading files (`serving.forms.media_parts`).
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from engine.api.conversation import Part
from engine.media.audio import audible, from_pcm16, resampled
from engine.media.images import read_picture
from engine.media.video import read_film
from serving.errors import ApiError
from serving.forms.chat_form import NO_SYSTEM
from serving.forms.fields import Form, Neutral
from serving.forms.media_parts import from_address, from_base64, usable
from serving.realtime.conversation import Content, Item, new_id
from serving.realtime.settings import RATE_HZ

SHORTEST_S = 0.1
SHORT = "a recording here has at least {:g} ms: append more of it first"


class InputText(Form):
    """Words of the user."""

    type: Literal["input_text"]
    text: str

    def content(self) -> Content:
        return Content(self.type, self.text)


class InputImage(Form):
    """A picture of the user, as a data address."""

    type: Literal["input_image"]
    image_url: str
    neutral: ClassVar[Neutral] = {"detail": ()}

    def content(self) -> Content:
        return _picture(self.type, self.image_url)


class InputAudio(Form):
    """Speech of the user."""

    type: Literal["input_audio"]
    audio: str
    neutral: ClassVar[Neutral] = {"transcript": ()}

    def content(self) -> Content:
        return sound_content(from_base64(self.audio))


class OutputText(Form):
    """Words of an earlier answer."""

    type: Literal["output_text"]
    text: str

    def content(self) -> Content:
        return Content(self.type, self.text)


class OutputAudio(Form):
    """An earlier answer that was spoken: its words are read."""

    type: Literal["output_audio"]
    transcript: str
    neutral: ClassVar[Neutral] = {"audio": ()}

    def content(self) -> Content:
        return Content("output_text", self.transcript)


class OutputImage(Form):
    """A picture of an earlier answer: an extension."""

    type: Literal["output_image"]
    image_url: str

    def content(self) -> Content:
        return _picture(self.type, self.image_url)


class OutputVideo(Form):
    """A film of an earlier answer: an extension."""

    type: Literal["output_video"]
    video_url: str

    def content(self) -> Content:
        part = Part(video=read_film(from_address(self.video_url)))
        return Content(self.type, part=part, address=self.video_url)


UserContent = Annotated[InputText | InputImage | InputAudio, Field(discriminator="type")]
AssistantContent = Annotated[
    OutputText | OutputAudio | OutputImage | OutputVideo, Field(discriminator="type")
]


class MessageItem(Form):
    """The common part of messages."""

    type: Literal["message"]
    id: str | None = Field(None, min_length=1, max_length=64)
    neutral: ClassVar[Neutral] = {"object": (), "status": ()}


class UserItem(MessageItem):
    """A message of the user."""

    role: Literal["user"]
    content: list[UserContent] = Field(min_length=1, max_length=8)


class AssistantItem(MessageItem):
    """An earlier answer."""

    role: Literal["assistant"]
    content: list[AssistantContent] = Field(min_length=1, max_length=8)


class SystemItem(MessageItem):
    """Taken so that it can be refused with a reason."""

    role: Literal["system"]
    content: Any


ItemForm = Annotated[UserItem | AssistantItem | SystemItem, Field(discriminator="role")]


def item_of(form: UserItem | AssistantItem | SystemItem, info: Mapping[str, Any]) -> Item:
    """Return the item. info: what the checkpoint can, see `engine.info`. Raises: ApiError,
    ValueError where something of it cannot be used."""
    if isinstance(form, SystemItem):
        raise ApiError(400, NO_SYSTEM, param="item.role", code="unsupported_value")
    item = Item(form.role, form.id or new_id("item"), [one.content() for one in form.content])
    usable(item.parts, info)
    return item


def _picture(kind: str, address: str) -> Content:
    part = Part(image=read_picture(from_address(address)))
    return Content(kind, part=part, address=address)


def sound_content(pcm: bytes) -> Content:
    """Return speech of the user, 16 bits at 24 kHz. Raises: ValueError where there is none."""
    samples = from_pcm16(pcm)
    if len(samples) < SHORTEST_S * RATE_HZ:
        raise ValueError(SHORT.format(1000 * SHORTEST_S))
    part = Part(audio=audible(resampled(samples, RATE_HZ)))
    return Content("input_audio", pcm=pcm, part=part)
