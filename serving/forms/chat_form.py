"""The body of /v1/chat/completions, and the engine's request that it says.

Owns: `ChatForm`. Does not own: content parts (`serving.forms.media_parts`), answers
(`serving.api.chat`).
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from engine.api.conversation import Conversation, Part, Turn
from engine.api.insertion import MediaInsertion
from engine.api.request import Modality, Request
from serving.answers.sound_stream import SOUND_TYPES
from serving.errors import ApiError
from serving.forms.fields import Form, Neutral, SamplingFields
from serving.forms.media_parts import Content, ImagePart, VideoPart, parts_of

NO_SYSTEM = (
    "The model here was not trained to follow a system message: leave it out, or say it in the "
    "first message of the user."
)
MOST_MESSAGES = 64


class UserMessage(Form):
    """A message of the user."""

    role: Literal["user"]
    content: Content
    neutral: ClassVar[Neutral] = {"name": ()}


class SystemMessage(Form):
    """Taken so that it can be refused with a reason."""

    role: Literal["system", "developer"]
    content: Content
    neutral: ClassVar[Neutral] = {"name": ()}


class AssistantMessage(Form):
    """An earlier answer, as this server gives it. Of what was said aloud the words are read."""

    role: Literal["assistant"]
    content: Content | None = None
    images: tuple[ImagePart, ...] = ()
    videos: tuple[VideoPart, ...] = ()
    neutral: ClassVar[Neutral] = {
        "name": (),
        "audio": (),
        "heard": (),
        "reasoning_content": (),
        "refusal": (None,),
        "annotations": ([],),
        "tool_calls": ([],),
        "function_call": (None,),
    }


Message = UserMessage | AssistantMessage | SystemMessage


class AudioOptions(Form):
    """The voice and format of a spoken answer."""

    voice: str = "default"
    format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm16"] = "wav"

    @property
    def kind(self) -> str:
        """The name in `serving.answers.sound_stream.SOUND_TYPES`."""
        kind = self.format.removesuffix("16")
        assert kind in SOUND_TYPES
        return kind


class ChatForm(SamplingFields):
    """The body of a request. modalities: of the answer; without them the model decides, where
    OpenAI's default is words. revisions: stream what is provisional as well. think, style: see
    `engine.api.request.Request`; with seed and the other settings these are extensions."""

    messages: list[Message] = Field(min_length=1, max_length=MOST_MESSAGES)
    modalities: list[Literal["text", "image", "audio", "video"]] | None = None
    audio: AudioOptions = AudioOptions()
    stream: bool = False
    revisions: bool = False
    think: bool = False
    style: str | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    neutral: ClassVar[Neutral] = {
        "user": (),
        "metadata": (),
        "stream_options": (),
        "safety_identifier": (),
        "prompt_cache_key": (),
        "store": (False,),
        "service_tier": ("auto", "default"),
        "n": (1,),
        "stop": ([],),
        "logprobs": (False,),
        "top_logprobs": (0,),
        "logit_bias": ({},),
        "frequency_penalty": (0, 0.0),
        "presence_penalty": (0, 0.0),
        "response_format": ({"type": "text"},),
        "tools": ([],),
        "tool_choice": ("none", "auto"),
        "parallel_tool_calls": (),
        "reasoning_effort": ("none",),
    }

    def request(self, info: Mapping[str, Any]) -> Request:
        """Return what the engine is asked. info: what the checkpoint can, see `engine.info`.

        Raises: ValueError, ApiError, where it cannot be asked.
        """
        if any(isinstance(message, SystemMessage) for message in self.messages):
            raise ApiError(400, NO_SYSTEM, param="messages", code="unsupported_value")
        self._check_length(info)
        turns = tuple(Turn(m.role, _parts(m, info)) for m in self.messages)
        if self.revisions and not self.stream:
            raise ApiError(400, "Revisions come in a stream: set stream to true.")
        return Request(
            Conversation(turns),
            sampling=self.sampling(),
            think=self.think,
            style=self.style,
            **self._answer(),
        )

    def _answer(self) -> dict[str, Any]:
        """Return the kinds of the answer as the engine takes them. Raises: ApiError."""
        match sorted(set(self.modalities or ())):
            case []:
                return {}
            case [one]:
                return {"to": Modality(one)}
            case ["audio", "text"]:
                return {"to": Modality.TEXT, "aloud": True}
            case [("image" | "video") as kind, "text"] | ["text", ("image" | "video") as kind]:
                return {"pin": MediaInsertion(Modality(kind))}
            case others:
                message = f"An answer is not {' and '.join(others)} at once: ask for fewer."
                raise ApiError(400, message, param="modalities", code="invalid_value")

    def _check_length(self, info: Mapping[str, Any]) -> None:
        longest = info.get("config", {}).get("text_length")
        for name in ("max_tokens", "max_completion_tokens"):
            most = getattr(self, name)
            if most is not None and longest is not None and most < longest:
                message = (
                    f"An answer is refined as a whole and has up to {longest} tokens: leave "
                    f"{name} out, or say at least {longest}."
                )
                raise ApiError(400, message, param=name, code="invalid_value")


def _parts(message: Message, info: Mapping[str, Any]) -> tuple[Part, ...]:
    if not isinstance(message, AssistantMessage):
        return parts_of(message.content, info)
    said = () if message.content is None else parts_of(message.content, info)
    shown = tuple(one.part() for one in (*message.images, *message.videos))
    return (*said, *shown)
