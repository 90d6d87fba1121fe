"""Sizes and sampling defaults of a model, as frozen dataclasses.

A checkpoint carries its own config.json, read by `model.loading.config_file`. Owns: `OmniConfig`
and its parts, except the tokenizers' (`model.tokenizer_config`) and the prompt format
(`model.dialogue_format`).
"""

from dataclasses import asdict, dataclass, field, replace
from math import isqrt
from typing import Any

from flow.modality import Modality, TokenSpace
from model.dialogue_format import OURS, Dialogue
from model.strict_fields import StrictFields
from model.tokenizer_config import PATCH_PX, AudioConfig, VisionConfig

NO_PICTURES = (
    "its picture tokenizer is not here yet: `python -m model.convert magvit SOURCE FOLDER` adds it"
)
NO_FILMS = "it was trained to watch films only"
NO_SPEECH = (
    "its speech codec is a program of its own: start with `--speech-codec COMMAND`, see "
    "docs/checkpoints.md"
)


@dataclass(frozen=True)
class BackboneConfig(StrictFields):
    """Size of a Qwen2-shaped transformer.

    shift_text: read the text logits of position i at i - 1, as in a model initialised from an
    autoregressive one (Luo et al. 2025, arXiv:2510.13721, Section 2.2).
    """

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
class HeadConfig(StrictFields):
    """Size of the autoregressive head over the sub-codebooks of a position."""

    width: int = 128
    layers: int = 2
    heads: int = 4
    mlp_width: int = 320


@dataclass(frozen=True)
class CodeRows(StrictFields):
    """The rows of media codes in a vocabulary that text and media share.

    Code k of an image is row `image` + k of the text embedding and of the text head. num_image:
    number of image codes. places: positions of an image. num_audio: number of speech codes, in the
    rows after the image codes. audio_ends: text rows that end speech; as audio codes they follow
    the speech codes. frames: frames of an input video, 0 where the checkpoint takes no video.
    frame_places: positions of a frame.
    """

    image: int
    num_image: int
    places: int
    num_audio: int = 0
    audio_ends: tuple[int, ...] = ()
    frames: int = 0
    frame_places: int = 0

    @property
    def audio(self) -> int:
        """Row of the first speech code."""
        return self.image + self.num_image

    def runs(self, modality: Modality) -> tuple[tuple[int, int], ...]:
        """Return the runs of rows of a modality's codes in code order, each as (first row, number
        of rows)."""
        if modality is Modality.AUDIO:
            return ((self.audio, self.num_audio), *((row, 1) for row in self.audio_ends))
        return ((self.image, self.num_image),)


@dataclass(frozen=True)
class FlowConfig(StrictFields):
    """The path of a modality and the sampling defaults that a request may override.

    metric: a name of `flow.metric.Metric`; c, a: see `flow.schedule.Schedule`. mask_schedule, block
    and choice_temperature belong to masked diffusion, see `samplers.masked`.
    """

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
class OmniConfig(StrictFields):
    """All settings that are needed to rebuild a checkpoint's model.

    vision: None for a checkpoint without images. audio: None for one without sound.
    text_tied: the text embedding is the text head, too; otherwise a separate head writes text.
    text_block, text_blocks: a text answer has 1 to `text_blocks` blocks of `text_block` positions.
    audio_block, audio_blocks: the same for an audio answer.
    video_frames: frames of a video, 0 for a checkpoint without video; see also `frame_px`.
    generates_video: the checkpoint generates video; otherwise it only takes and embeds it.
    thinks: the checkpoint can write a thought before its answer.
    suggests: the checkpoint reports requests outside of its training domain.
    has_embedding: the embedding was trained by contrastive retrieval across modalities.
    neighbours: an image position also enters with the same position of the image before and after
    it, see `model.network.embeddings.TemporalNeighbourMixing`.
    time_aligned: text and audio enter with their times, see `model.layers.time_embedding`.
    named_codes: the first sub-code of an image names what is there: it has rows of its own, beside
    its vector, in the embedding and in the head, which can begin as those of a word.
    text_flow: c = 8.5 and a = 0.28 spread the information of this text vocabulary evenly over t.
    samplers: the kinds of sampler that the checkpoint was trained for; the first is the default.
    dialogue: the text around the messages of a conversation.
    code_rows: the rows of media codes in a shared vocabulary; None where codes have embeddings and
    heads of their own.
    """

    name: str = "nano"
    vision: VisionConfig | None = field(default_factory=VisionConfig)
    backbone: BackboneConfig = BackboneConfig(qk_norm=True)
    image_head: HeadConfig = HeadConfig()
    text_vocabulary: int = 1024
    text_metric_dim: int = 64
    text_tied: bool = True
    text_block: int = 8
    text_blocks: int = 4
    audio: AudioConfig | None = field(default_factory=AudioConfig)
    audio_head: HeadConfig = HeadConfig(width=96, layers=2, heads=4, mlp_width=256)
    audio_block: int = 25
    audio_blocks: int = 8
    image_flow: FlowConfig = FlowConfig(
        grid="tuned", guidance_scale=1.0, initial_temperature=1.0, temperature=0.2
    )
    video_frames: int = 8
    generates_video: bool = True
    thinks: bool = True
    suggests: bool = True
    has_embedding: bool = True
    neighbours: bool = True
    time_aligned: bool = True
    named_codes: bool = False
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
        """Modalities that the checkpoint generates besides text."""
        pictures = () if self.vision is None else (Modality.IMAGE,)
        sound = () if self.audio is None else (Modality.AUDIO,)
        films = self.video_frames and self.generates_video
        return (*pictures, *sound, *((Modality.VIDEO,) if films else ()))

    @property
    def opened(self) -> tuple[Modality, ...]:
        """Media that a text answer may open after its words; empty where each task has its own
        prompt."""
        return self.media if self.code_rows is None else ()

    @property
    def edits(self) -> bool:
        """True where the checkpoint edits images."""
        return self.dialogue.tasks is None or bool(self.dialogue.tasks.edits)

    @property
    def opens_thoughts(self) -> bool:
        """True where the answer itself opens its thought; otherwise the prompt does."""
        return self.dialogue.tasks is not None and bool(self.dialogue.tasks.thinks)

    @property
    def missing(self) -> dict[Modality, str]:
        """Reasons, for users, why modalities of the vocabulary cannot be used or generated."""
        rows = self.code_rows
        found: dict[Modality, str] = {}
        if rows is not None and self.vision is None:
            found[Modality.IMAGE] = NO_PICTURES
        if rows is not None and rows.num_audio and self.audio is None:
            found[Modality.AUDIO] = NO_SPEECH
        if rows is not None and rows.frames and self.vision is None:
            found[Modality.VIDEO] = NO_PICTURES
        elif self.video_frames and not self.generates_video:
            found[Modality.VIDEO] = NO_FILMS
        return found

    @property
    def audio_codec(self) -> AudioConfig | None:
        """The audio tokenizer inside the checkpoint; None where there is none or it is an external
        program."""
        return self.audio if self.code_rows is None else None

    def with_speech(self) -> "OmniConfig":
        """Return the config with the audio whose codes an external codec reads and writes.

        Raises: ValueError where the checkpoint has no such codes.
        """
        rows = self.code_rows
        if rows is None or not rows.audio_ends:
            raise ValueError(
                f"{self.name} has no codes of speech for a program of its own: leave the speech "
                "codec out, or convert an older Dynin-Omni again"
            )
        return replace(self, audio=AudioConfig(num_codebooks=1, cardinality=rows.num_audio))

    @property
    def flows(self) -> dict[Modality, FlowConfig]:
        """Path and sampling defaults of each modality."""
        return {
            Modality.TEXT: self.text_flow,
            Modality.IMAGE: self.image_flow,
            Modality.AUDIO: self.audio_flow,
            Modality.VIDEO: self.video_flow,
        }

    @property
    def text_length(self) -> int:
        """Positions of the longest text answer."""
        return self.text_block * self.text_blocks

    @property
    def audio_length(self) -> int:
        """Positions of the longest audio answer."""
        return self.audio_block * self.audio_blocks

    @property
    def required_vision(self) -> VisionConfig:
        """The image tokenizer. Raises: ValueError where the checkpoint has none."""
        if self.vision is None:
            why = self.missing.get(Modality.IMAGE, "it knows words alone")
            raise ValueError(f"{self.name} neither sees nor draws: {why}")
        return self.vision

    @property
    def frame_px(self) -> int:
        """Side of a video frame in pixels; an image's unless `code_rows` has another size."""
        places = 0 if self.code_rows is None else self.code_rows.frame_places
        return PATCH_PX * isqrt(places) if places else self.required_vision.image_px

    def image_space(self) -> TokenSpace:
        """Return the state space of images. Raises: ValueError where the checkpoint has none."""
        vision = self.required_vision
        return TokenSpace(Modality.IMAGE, vision.num_codebooks, vision.cardinality)

    def video_space(self) -> TokenSpace:
        """Return the state space of videos: the image codes, for the positions of all frames."""
        return replace(self.image_space(), modality=Modality.VIDEO)

    def audio_space(self) -> TokenSpace:
        """Return the state space of audio: its codes, then one or more codes after the end.

        Raises: ValueError where the checkpoint has no sound.
        """
        if self.audio is None:
            raise ValueError(f"{self.name} neither hears nor speaks")
        ends = 1 if self.code_rows is None else len(self.code_rows.audio_ends)
        return TokenSpace(Modality.AUDIO, self.audio.num_codebooks, self.audio.cardinality + ends)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, the inverse of `model.loading.config_file.config_from_json`."""
        return asdict(self)
