"""Sizes of every network, as frozen dataclasses. A checkpoint carries its own config.json."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from math import isqrt
from typing import Any

from flow.modality import Modality, TokenSpace
from model.dialogue_format import OURS, Dialogue

NO_PICTURES = (
    "its picture tokenizer is not here yet: `python -m model.convert magvit SOURCE FOLDER` adds it"
)
NO_FILMS = "it was trained to watch films only"
NO_SPEECH = (
    "its speech codec is a program of its own: start with `--speech-codec COMMAND`, see "
    "docs/checkpoints.md"
)
PATCH_PX = 16
"""Side of what a position of a picture stands for."""


@dataclass(frozen=True)
class ClipConfig:
    """An encoder of pictures shaped as CLIP's, here ViT-L/14's, as wide as the tokenizer.
    patch_px: side of its patches; activation: quick_gelu or gelu."""

    patch_px: int = 14
    layers: int = 24
    heads: int = 16
    mlp_width: int = 4096
    activation: str = "quick_gelu"
    norm_eps: float = 1e-5


@dataclass(frozen=True)
class MagvitConfig:
    """A picture tokenizer shaped as MAGVIT-v2's, here that of Show-o. Widths and residual blocks of
    each level, from the pixels on; every level but the last has half the side of the one before."""

    encoder_widths: tuple[int, ...] = (128, 256, 256, 512, 512)
    encoder_blocks: tuple[int, ...] = (4, 3, 4, 3, 4)
    decoder_widths: tuple[int, ...] = (128, 128, 256, 256, 512)
    decoder_blocks: tuple[int, ...] = (4, 4, 3, 4, 3)


@dataclass(frozen=True)
class VisionConfig:
    """The picture tokenizer: `image_px` squared pixels -> (image_px / 16)^2 positions of
    num_codebooks codes. clip: None where the encoder sees each patch by itself; or else CLIP's
    takes its place, and encoder_layers says nothing. magvit: None; or else MAGVIT-v2's takes the
    place of everything, a code has code_dim bits, and width to semantic_dim say nothing."""

    image_px: int = 128
    num_codebooks: int = 4
    cardinality: int = 512
    code_dim: int = 8
    width: int = 192
    heads: int = 4
    encoder_layers: int = 3
    decoder_layers: int = 4
    conv_width: int = 48
    semantic_dim: int = 128
    clip: ClipConfig | None = None
    magvit: MagvitConfig | None = None

    @property
    def grid(self) -> int:
        """Positions along a side."""
        return self.image_px // PATCH_PX

    @property
    def positions(self) -> int:
        return self.grid**2


@dataclass(frozen=True)
class AudioConfig:
    """The sound tokenizer: 25 positions a second of num_codebooks codes. encoder_*: of Whisper's
    encoder, here tiny's; slow_layers and fast_layers of the decoder run 25 and 100 times a
    second. Where codes have rows among the words' (`CodeRows`), a program of its own encodes and
    decodes, and all but the first two say nothing."""

    num_codebooks: int = 2
    cardinality: int = 512
    code_dim: int = 8
    mel_bins: int = 80
    encoder_width: int = 384
    encoder_heads: int = 6
    encoder_layers: int = 4
    width: int = 256
    slow_layers: int = 3
    fast_layers: int = 5


@dataclass(frozen=True)
class BackboneConfig:
    """A Qwen2-shaped transformer. shift_text: the text logits of position i are read at i - 1, as
    a model that was initialised from an autoregressive one does (NExT-OMNI, Section 2.2)."""

    width: int = 192
    layers: int = 6
    heads: int = 6
    kv_heads: int = 3
    head_dim: int = 32
    mlp_width: int = 640
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-6
    qkv_bias: bool = True
    qk_norm: bool = False
    shift_text: bool = False


@dataclass(frozen=True)
class HeadConfig:
    """The autoregressive head over sub-codebooks."""

    width: int = 128
    layers: int = 2
    heads: int = 4
    mlp_width: int = 320


@dataclass(frozen=True)
class CodeRows:
    """Where one vocabulary goes on with codes behind its words: code k of a picture is row `image`
    + k of those that words are read by, and of those that write them. num_image: how many; places:
    positions of a picture. num_audio: codes of speech behind them. audio_ends: rows of words each
    of which ends speech; in the order of codes they follow those. frames: of a film that is
    watched, 0 where none is; frame_places: positions of each."""

    image: int
    num_image: int
    places: int
    num_audio: int = 0
    audio_ends: tuple[int, ...] = ()
    frames: int = 0
    frame_places: int = 0

    @property
    def audio(self) -> int:
        """The row of the first code of speech."""
        return self.image + self.num_image

    def runs(self, modality: Modality) -> tuple[tuple[int, int], ...]:
        """Where its codes lie, in their order: the first row of each run and how many follow."""
        if modality is Modality.AUDIO:
            return ((self.audio, self.num_audio), *((row, 1) for row in self.audio_ends))
        return ((self.image, self.num_image),)

    @classmethod
    def of(cls, audio_ends: Sequence[int] = (), **values: int) -> "CodeRows":
        """From plain values."""
        return cls(**values, audio_ends=tuple(audio_ends))


@dataclass(frozen=True)
class FlowConfig:
    """Path of a modality: metric name, schedule c and a; the defaults a request may override.
    mask_schedule, block and choice_temperature: of masked diffusion, see `samplers.masked`."""

    metric: str = "cosine"
    c: float = 3.0
    a: float = 0.9
    steps: int = 16
    transition: str = "midpoint"
    grid: str = "uniform"
    guidance_scale: float = 0.0
    temperature: float = 1.0
    top_p: float = 1.0
    initial_temperature: float | None = None
    mask_schedule: str = "cosine"
    block: int | None = None
    choice_temperature: float = 0.0


@dataclass(frozen=True)
class OmniConfig:
    """Everything that a checkpoint needs to be rebuilt. An answer in words has 1 to `text_blocks`
    blocks of `text_block` positions, one in sound 1 to `audio_blocks` of `audio_block`. vision:
    None where the checkpoint neither sees nor draws. audio: None where it neither hears nor speaks.
    samplers: the kinds that it was trained for, the first where nothing is said. video_frames: of a
    film, 0 where it knows none; a frame is a picture, see `frame_px`. makes_films: or else it only
    watches and finds them. thinks: whether it can write down what it thinks before it answers.
    suggests: whether it says when a wish lies outside of its world. finds: whether what means the
    same was brought together, so that anything finds anything. neighbours: whether a place of a
    picture also sees the same place in the pictures right before and after it, see
    `model.network.embeddings`. paced: whether words and sound are on one clock, see
    `model.layers.time_embedding`. text_tied: whether words are read and written by the same rows,
    or else a head of its own writes them. text_flow: of the words of this world c = 8.5, a = 0.28
    spreads the bits evenly in t. code_rows: None where codes have embeddings and heads of their
    own, or else their rows among the words'. dialogue: what stands around the words of a
    conversation."""

    name: str = "nano"
    vision: VisionConfig | None = VisionConfig()
    backbone: BackboneConfig = BackboneConfig(qk_norm=True)
    image_head: HeadConfig = HeadConfig()
    text_vocabulary: int = 1024
    text_metric_dim: int = 64
    text_tied: bool = True
    text_block: int = 8
    text_blocks: int = 4
    audio: AudioConfig | None = AudioConfig()
    audio_head: HeadConfig = HeadConfig(width=96, layers=2, heads=4, mlp_width=256)
    audio_block: int = 25
    audio_blocks: int = 8
    image_flow: FlowConfig = FlowConfig(
        grid="tuned", guidance_scale=1.0, initial_temperature=1.0, temperature=0.2
    )
    video_frames: int = 8
    makes_films: bool = True
    thinks: bool = True
    suggests: bool = True
    finds: bool = True
    neighbours: bool = True
    paced: bool = True
    text_flow: FlowConfig = FlowConfig(steps=12, temperature=0.3, c=8.5, a=0.28)
    audio_flow: FlowConfig = FlowConfig(steps=12, temperature=0.7)
    video_flow: FlowConfig = FlowConfig(
        steps=16, grid="tuned", guidance_scale=1.0, initial_temperature=0.5, temperature=0.2
    )
    samplers: tuple[str, ...] = ("flow", "masked", "autoregressive")
    dialogue: Dialogue = OURS
    code_rows: CodeRows | None = None

    @property
    def media(self) -> tuple[Modality, ...]:
        """What it makes beside words."""
        pictures = () if self.vision is None else (Modality.IMAGE,)
        sound = () if self.audio is None else (Modality.AUDIO,)
        films = self.video_frames and self.makes_films
        return (*pictures, *sound, *((Modality.VIDEO,) if films else ()))

    @property
    def opened(self) -> tuple[Modality, ...]:
        """What its words may open behind them; nothing where each task has a prompt of its own."""
        return self.media if self.code_rows is None else ()

    @property
    def edits(self) -> bool:
        """Whether it changes the pictures that it is shown."""
        return self.dialogue.tasks is None or bool(self.dialogue.tasks.edits)

    @property
    def opens_thoughts(self) -> bool:
        """Whether an answer says itself where its thought begins, or else the prompt ends so."""
        return self.dialogue.tasks is not None and bool(self.dialogue.tasks.thinks)

    @property
    def lacking(self) -> dict[Modality, str]:
        """Why it does not know, or does not make, what its vocabulary has codes of."""
        rows = self.code_rows
        found: dict[Modality, str] = {}
        if rows is not None and self.vision is None:
            found[Modality.IMAGE] = NO_PICTURES
        if rows is not None and rows.num_audio and self.audio is None:
            found[Modality.AUDIO] = NO_SPEECH
        if rows is not None and rows.frames and self.vision is None:
            found[Modality.VIDEO] = NO_PICTURES
        elif self.video_frames and not self.makes_films:
            found[Modality.VIDEO] = NO_FILMS
        return found

    @property
    def ears(self) -> AudioConfig | None:
        """The sound tokenizer in here; None where there is none, or a program of its own is it."""
        return self.audio if self.code_rows is None else None

    def with_speech(self) -> "OmniConfig":
        """With the sound whose codes a program of its own knows. Raises: ValueError where the
        checkpoint has no such codes."""
        rows = self.code_rows
        if rows is None or not rows.audio_ends:
            raise ValueError(
                f"{self.name} has no codes of speech for a program of its own: leave the speech "
                "codec out, or convert an older Dynin-Omni again"
            )
        return replace(self, audio=AudioConfig(num_codebooks=1, cardinality=rows.num_audio))

    @property
    def flows(self) -> dict[Modality, FlowConfig]:
        """The path and defaults of each modality."""
        return {
            Modality.TEXT: self.text_flow,
            Modality.IMAGE: self.image_flow,
            Modality.AUDIO: self.audio_flow,
            Modality.VIDEO: self.video_flow,
        }

    @property
    def text_length(self) -> int:
        """The longest answer in words."""
        return self.text_block * self.text_blocks

    @property
    def eyes(self) -> VisionConfig:
        """The picture tokenizer. Raises: ValueError where the checkpoint has none."""
        if self.vision is None:
            why = self.lacking.get(Modality.IMAGE, "it knows words alone")
            raise ValueError(f"{self.name} neither sees nor draws: {why}")
        return self.vision

    @property
    def frame_px(self) -> int:
        """Side of a frame of a film: a picture's, where nothing else is said."""
        places = 0 if self.code_rows is None else self.code_rows.frame_places
        return PATCH_PX * isqrt(places) if places else self.eyes.image_px

    def image_space(self) -> TokenSpace:
        """The codes of pictures. Raises: ValueError where the checkpoint has none."""
        return TokenSpace(Modality.IMAGE, self.eyes.num_codebooks, self.eyes.cardinality)

    def video_space(self) -> TokenSpace:
        """The codes of pictures, for the positions of all frames."""
        return replace(self.image_space(), modality=Modality.VIDEO)

    @property
    def audio_length(self) -> int:
        """Positions of the longest answer in sound."""
        return self.audio_block * self.audio_blocks

    def audio_space(self) -> TokenSpace:
        """The codes of sound, and behind them the one, or those, that stand after the end.

        Raises: ValueError where the checkpoint has no sound.
        """
        if self.audio is None:
            raise ValueError(f"{self.name} neither hears nor speaks")
        ends = 1 if self.code_rows is None else len(self.code_rows.audio_ends)
        return TokenSpace(Modality.AUDIO, self.audio.num_codebooks, self.audio.cardinality + ends)

    def to_json(self) -> dict[str, Any]:
        """Plain values, the inverse of `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "OmniConfig":
        """The config from plain values; what it does not speak of, the checkpoint cannot do.

        Raises: ValueError where a name is unknown.
        """
        nested: dict[str, Callable[..., object]] = {
            "vision": _vision,
            "audio": AudioConfig,
            "backbone": BackboneConfig,
            "image_head": HeadConfig,
            "audio_head": HeadConfig,
            "audio_flow": FlowConfig,
            "image_flow": FlowConfig,
            "text_flow": FlowConfig,
            "video_flow": FlowConfig,
            "dialogue": Dialogue.of,
            "code_rows": CodeRows.of,
            "samplers": tuple,
        }
        values = {**_UNKNOWN, **values}
        try:
            built: dict[str, Any] = {
                k: _built(nested[k], v) if k in nested and v is not None else v
                for k, v in values.items()
            }
            return cls(**built)
        except TypeError as error:
            raise ValueError(
                f"the checkpoint's config.json does not fit this version: {error}"
            ) from error


def _built(kind: Callable[..., object], value: Any) -> object:
    return kind(**value) if isinstance(value, dict) else kind(value)


def _vision(
    clip: dict[str, Any] | None = None, magvit: dict[str, Any] | None = None, **values: Any
) -> VisionConfig:
    levels = None if magvit is None else {k: tuple(v) for k, v in magvit.items()}
    return VisionConfig(
        **values,
        clip=None if clip is None else ClipConfig(**clip),
        magvit=None if levels is None else MagvitConfig(**levels),
    )


_UNKNOWN = {
    "video_frames": 0, "thinks": False, "finds": False, "neighbours": False, "paced": False,
}  # fmt: skip
"""What a checkpoint has that was written before there was a choice."""
