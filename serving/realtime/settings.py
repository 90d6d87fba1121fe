"""The settings of a session and of a response: what a client may set, and what holds.

Owns: `SessionForm`, `ResponseForm`, `SessionSettings`. Does not own: their effect
(`serving.realtime.session`, `serving.realtime.answering`).
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from engine.api.request import Modality
from engine.media.vad import PAUSE_S, STARTS
from serving.errors import ApiError
from serving.forms.chat_form import NO_SYSTEM
from serving.forms.fields import Form, Neutral, SamplingSettings
from serving.forms.media_parts import DEAF
from serving.forms.voice import style_of

RATE_HZ = 24_000
WHOLE = ("turn_detection", "transcription", "format")
"""Settings that an update replaces as a whole."""
Modalities = Annotated[list[Literal["text", "audio"]], Field(min_length=1, max_length=1)]
WITHOUT_TOOLS: Neutral = {
    "tools": ([],),
    "tool_choice": ("auto", "none"),
    "parallel_tool_calls": (),
    "max_output_tokens": ("inf",),
    "prompt": (None,),
    "reasoning": (None,),
}
"""Parameters of OpenAI's that sessions and responses have in common."""


class Pcm(Form):
    """The one format of sound: 16 bits, one channel."""

    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Literal[24000] = RATE_HZ


class ServerVad(Form):
    """The rule by which a turn of the user begins and ends."""

    type: Literal["server_vad"]
    threshold: float = Field(STARTS, gt=0, lt=1)
    prefix_padding_ms: int = Field(300, ge=0, le=5000)
    silence_duration_ms: int = Field(round(1000 * PAUSE_S), ge=100, le=5000)
    create_response: bool = True
    interrupt_response: bool = True
    neutral: ClassVar[Neutral] = {"idle_timeout_ms": (None,)}


class Transcription(Form):
    """Speech is written down for the client too, by the model of the session."""

    model: str | None = None
    neutral: ClassVar[Neutral] = {"language": ("en",), "prompt": ("",)}


class AudioInput(Form):
    """The sound of the user."""

    format: Pcm = Pcm()
    transcription: Transcription | None = None
    turn_detection: ServerVad | None = None
    neutral: ClassVar[Neutral] = {"noise_reduction": (None,)}


class AudioOutput(Form):
    """The sound of an answer."""

    format: Pcm = Pcm()
    voice: str = "default"
    neutral: ClassVar[Neutral] = {"speed": (1, 1.0)}


class Audio(Form):
    """Both sounds."""

    input: AudioInput = AudioInput()
    output: AudioOutput = AudioOutput()


class SessionForm(SamplingSettings):
    """The session of a `session.update`. seed and the other settings are extensions."""

    type: Literal["realtime"] = "realtime"
    model: str | None = None
    output_modalities: Modalities = Field(default=["audio"])
    instructions: str = ""
    audio: Audio = Audio()
    neutral: ClassVar[Neutral] = {
        **WITHOUT_TOOLS,
        "id": (),
        "object": (),
        "include": ([],),
        "tracing": (None,),
        "truncation": ("auto",),
    }


class AudioOfResponse(Form):
    """The sound of one answer."""

    output: AudioOutput = AudioOutput()


class ResponseForm(SamplingSettings):
    """The response of a `response.create`: what is not in it is as the session has it."""

    output_modalities: Modalities | None = None
    instructions: str = ""
    audio: AudioOfResponse | None = None
    metadata: dict[str, str] | None = None
    neutral: ClassVar[Neutral] = {
        **WITHOUT_TOOLS,
        "conversation": ("auto",),
        "input": (None,),
    }


class SessionSettings:
    """The settings that hold. info: what the checkpoint can, see `engine.info`. model: its name."""

    def __init__(self, info: Mapping[str, Any], model: str) -> None:
        self._info, self._model = info, model
        speaks = str(Modality.AUDIO) in info.get("modalities", ())
        hears = bool(info.get("hears_s"))
        voice = (info.get("styles") or ["default"])[0]
        vad = {"type": "server_vad"} if hears else None
        self.form = SessionForm.model_validate(
            {
                "output_modalities": ["audio" if speaks else "text"],
                "audio": {"input": {"turn_detection": vad}, "output": {"voice": voice}},
            }
        )

    @property
    def vad(self) -> ServerVad | None:
        """The rule of turns, None where the client says when one ends."""
        return self.form.audio.input.turn_detection

    @property
    def transcribes(self) -> bool:
        """Return whether the client is told what was heard."""
        return self.form.audio.input.transcription is not None

    def update(self, said: SessionForm, place: str = "session") -> None:
        """Take what a client said over. place: the name of it in errors. Raises: ApiError,
        ValueError where it cannot be."""
        before = self.form.model_dump(exclude_unset=True)
        form = SessionForm.model_validate(_merged(before, said.model_dump(exclude_unset=True)))
        if said.model not in (None, self._model):
            message = f"The model of a session is that of its address: '{self._model}'."
            raise ApiError(400, message, param=f"{place}.model", code="invalid_value")
        scribe = form.audio.input.transcription
        if scribe is not None and scribe.model not in (None, self._model):
            message = f"Speech is written down by the model itself, '{self._model}'."
            where = f"{place}.audio.input.transcription.model"
            raise ApiError(404, message, param=where, code="model_not_found")
        refuse_instructions(form.instructions, f"{place}.instructions")
        if form.audio.input.turn_detection is not None and not self._info.get("hears_s"):
            raise ValueError(DEAF)
        if form.output_modalities == ["audio"]:
            style_of(form.audio.output.voice, self._info, f"{place}.audio.output.voice")
        form.sampling()
        self.form = form

    def of_response(self, said: ResponseForm) -> "SessionSettings":
        """Return the settings of one response. Raises: ApiError, ValueError where they cannot
        be."""
        refuse_instructions(said.instructions, "response.instructions")
        given = said.model_dump(exclude_unset=True, exclude={"instructions", "metadata"})
        given = {name: value for name, value in given.items() if value is not None}
        found = SessionSettings(self._info, self._model)
        found.form = self.form
        found.update(SessionForm.model_validate(given), "response")
        return found

    def style(self) -> str | None:
        """Return the style of a spoken answer, None where it is not spoken or has none."""
        if self.form.output_modalities != ["audio"]:
            return None
        return style_of(self.form.audio.output.voice, self._info, "audio.output.voice")

    def fields(self, session_id: str) -> dict[str, Any]:
        """Return the session object."""
        return {
            "object": "realtime.session",
            "id": session_id,
            **self.form.model_dump(),
            "model": self._model,
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "tracing": None,
            "truncation": "auto",
            "prompt": None,
            "include": None,
        }


def refuse_instructions(said: str, param: str) -> None:
    """Raise an ApiError where there are instructions."""
    if said.strip():
        raise ApiError(400, NO_SYSTEM, param=param, code="unsupported_value")


def _merged(before: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    found = dict(before)
    for name, value in said.items():
        old = before.get(name)
        both = isinstance(old, dict) and isinstance(value, dict) and name not in WHOLE
        found[name] = _merged(old, value) if both else value  # type: ignore[arg-type]
    return found
