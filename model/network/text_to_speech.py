"""The speaker: letters -> speech codes, in the model's own backbone.

Letters are read once, by layers of their own; in every layer of the backbone the codes of a sound
look at them and at each other. Both are on one clock: a letter is turned, by rotary positions, to
the time at which it would be said, so that the letters of a position are those near it. Codes begin
with what is known of them: rows of the embedding and of the head are made of
`model.tokenizers.speech_codes.structure`. It fits `samplers.denoiser.Denoiser` by its shape. Owns:
the network, and saying sentences block after block. Does not own: the loss
(`training.stages.text_to_speech`), the decoder (`model.tokenizers.speech_decoder`).
"""

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from flow.metric import CodebookMetric
from flow.modality import Modality, TokenSpace
from flow.schedule import Schedule
from flow.sequence import OmniSequence, Segment, prompt, response
from model.config import BackboneConfig, HeadConfig
from model.layers.time_embedding import TimeEmbedding
from model.layers.transformer import Block, initialise, rotate
from model.network.backbone import Backbone
from model.network.heads import SubCodebookHead
from model.network.omni import MultiCodebookPosterior
from model.tokenizers.speech_codes import CARDINALITY, structure
from model.tokenizers.text import BEGIN_AUDIO, NUM_MARKERS

LETTERS = NUM_MARKERS + 256
"""Markers and bytes."""
END = CARDINALITY
"""The code behind the last one of a sound, in both codebooks."""
SPACE = TokenSpace(Modality.AUDIO, 2, CARDINALITY + 1)
CLOCK = Schedule(c=9.0, a=0.8)
"""Spreads the information of these codes over t: half of it is there at t = 0.55."""
BACKBONE = BackboneConfig(layers=5, qk_norm=True)
"""The backbone of nano with fewer layers."""
HEAD = HeadConfig(width=128, layers=1, heads=4, mlp_width=320)
NEAR, NEARNESS = 0.1, 1.0
"""Waves that turn by more than this a position say what is near; and how strongly, at first."""
CONFIG, WEIGHTS = "text_to_speech.json", "text_to_speech.safetensors"
SHARDS = "text_to_speech*.safetensors"


@dataclass(frozen=True)
class TextToSpeechConfig:
    """Sizes. backbone: of the layers over codes; reading: how many layers like them read letters;
    block: positions said at once; blocks: the most of a sentence."""

    backbone: BackboneConfig = BACKBONE
    head: HeadConfig = HEAD
    reading: int = 4
    block: int = 25
    blocks: int = 6

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "TextToSpeechConfig":
        """The inverse of `dataclasses.asdict`."""
        nested = {"backbone": BackboneConfig, "head": HeadConfig}
        return cls(**{k: nested[k](**v) if k in nested else v for k, v in values.items()})


@dataclass(frozen=True)
class Letters:
    """Letters that were read. features: "B L D"; valid: bool "B L"; seen: keys and values "B
    kv_heads L head_dim" for each layer of the backbone."""

    features: Tensor
    valid: Tensor
    seen: tuple[tuple[Tensor, Tensor], ...]


class _Sampler(Protocol):
    """The posterior that `samplers` reads, by its shape."""

    source: Any

    def sample(self, denoiser: Any, x_0: OmniSequence, *, draws: Any) -> Generator[Any]: ...


class TextToSpeech(nn.Module):
    """See the module's docstring."""

    def __init__(self, config: TextToSpeechConfig) -> None:
        super().__init__()
        self.config = config
        width = config.backbone.width
        self.letters = nn.Embedding(LETTERS, width)
        self.reader = Backbone(replace(config.backbone, layers=config.reading))
        self.codes = nn.ModuleList(nn.Embedding(CARDINALITY + 2, width) for _ in range(2))
        self.sound = nn.Parameter(torch.randn(width) * 0.02)
        self.editable = nn.Parameter(torch.randn(width) * 0.02)
        self.pace = TimeEmbedding(LETTERS, width)
        self.backbone = Backbone(config.backbone)
        self.head = SubCodebookHead(width, 2, CARDINALITY + 1, config.head)
        self._last: tuple[Tensor, Letters] | None = None
        initialise(self)
        self._begin_with_structure()
        self._begin_near()

    def read(self, words: Segment) -> "Letters":
        """Letters as the backbone's layers see them; those of the last call are kept for inference,
        where a sampler asks for the same ones in every step."""
        if self._last is not None and self._last[0] is words.tokens and not self._learns():
            return self._last[1]
        features = self.reader(self.letters(words.tokens[..., 0]), words.valid)
        (times,) = self.pace.times(OmniSequence((words,)))
        assert times is not None
        timed = features + self.pace.projection(_waves(self.pace, times))
        rotary = self.backbone.rotary(times)
        seen = [_keys_and_values(layer, timed, rotary) for layer in self.backbone.layers]
        found = Letters(features, words.valid, tuple(seen))
        self._last = None if self._learns() else (words.tokens, found)
        return found

    def features(self, letters: "Letters", sounds: Sequence[Segment]) -> tuple[Tensor, ...]:
        """Features "B L D" of each sound, the ones behind the others in time."""
        x = torch.cat([self._embedded(segment) for segment in sounds], 1)
        times = torch.arange(x.shape[1], device=x.device).float().expand(len(x), -1)
        x = x + self.pace.projection(_waves(self.pace, times))
        rotary = self.backbone.rotary(times)
        seen = torch.cat([letters.valid, *(s.valid for s in sounds)], 1)[:, None, None]
        for layer, past in zip(self.backbone.layers, letters.seen, strict=True):
            x, _ = layer(x, rotary, seen, past)
        return self.backbone.finished(x).split([s.length for s in sounds], 1)

    def forward(self, x_t: OmniSequence, t: float) -> Mapping[int, MultiCodebookPosterior]:
        """One network evaluation; t is not used. The first segment holds letters, the others
        sounds."""
        words, *sounds = x_t.segments
        found = self.features(self.read(words), sounds)
        return {i: MultiCodebookPosterior(self.head, found[i - 1]) for i in x_t.editable_segments()}

    def metrics(self) -> dict[Modality, CodebookMetric]:
        """The distances of the path; the end is as far from every code as unrelated ones are."""
        books = F.pad(structure(), (0, 1))
        end = F.one_hot(torch.tensor([books.shape[-1] - 1]), books.shape[-1]).to(books)
        codes = torch.cat([books, end.expand(2, 1, -1)], 1)
        return {Modality.AUDIO: CodebookMetric.of(codes)}

    @torch.inference_mode()
    def say(
        self, sentences: Sequence[str], sampler: _Sampler, draws: Callable[[int], Any]
    ) -> list[np.ndarray]:
        """Codes int64 "L 2" of each sentence, block after block until all have ended. draws: of a
        block's number, a source of uniforms with a row a sentence."""
        words = spelled(sentences)
        said = torch.empty(len(sentences), 0, 2, dtype=torch.int64)
        for number in range(self.config.blocks):
            before = (words,) if number == 0 else (words, prompt(Modality.AUDIO, said))
            uniforms = draws(number)
            x_0 = sampler.source(
                SPACE, len(sentences), self.config.block, uniforms, segment=len(before)
            )
            sequence = OmniSequence((*before, response(Modality.AUDIO, x_0)))
            *_, last = sampler.sample(self, sequence, draws=uniforms)
            said = torch.cat([said, last.x_t.segments[-1].tokens], 1)
            if bool((said[..., 0] == END).any(1).all()):
                break
        return [before_end(row).numpy() for row in said]

    def save(self, folder: Path) -> None:
        """Write the weights and the sizes."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file({k: v.contiguous() for k, v in self.state_dict().items()}, folder / WEIGHTS)
        self.save_config(folder)

    def save_config(self, folder: Path) -> None:
        """Write the sizes."""
        (folder / CONFIG).write_text(json.dumps(asdict(self.config), indent=1))

    @classmethod
    def load(cls, folder: Path) -> "TextToSpeech":
        """Read the network that `save` wrote, for inference. Raises: ValueError where it is
        missing."""
        if not (folder / CONFIG).exists():
            raise ValueError(f"{folder} holds no speaker: {CONFIG} is missing")
        speaker = cls(TextToSpeechConfig.from_json(json.loads((folder / CONFIG).read_text())))
        stored = {k: v for f in sorted(folder.glob(SHARDS)) for k, v in load_file(f).items()}
        try:
            speaker.load_state_dict({name: value.float() for name, value in stored.items()})
        except RuntimeError as error:
            raise ValueError(f"{folder} holds no whole speaker: {error}") from error
        return speaker.eval().requires_grad_(False)

    def _learns(self) -> bool:
        return self.training or torch.is_grad_enabled()

    def _embedded(self, segment: Segment) -> Tensor:
        """The embedding of a sound, "B L D"."""
        first, second = (table(segment.tokens[..., q]) for q, table in enumerate(self.codes))
        asked = segment.editable.any(1)[:, None, None].to(first.dtype)
        return first + second + self.sound + self.editable * asked

    @torch.no_grad()
    def _begin_near(self) -> None:
        """Most heads begin with looking at what is said at the same time, by the quick waves of the
        rotary positions: without it hundreds of steps pass before letters are found at all."""
        for layer in self.backbone.layers:
            assert isinstance(layer, Block)
            attention = layer.self_attn
            near = max(attention.kv_heads - 1, 1)
            quick = self.backbone.rotary.inverse > NEAR
            for projection, heads in (
                (attention.q_proj, near * attention.heads // attention.kv_heads),
                (attention.k_proj, near),
            ):
                bias = projection.bias.unflatten(0, (-1, attention.head_dim))
                bias[:heads, : len(quick)] += NEARNESS * quick

    @torch.no_grad()
    def _begin_with_structure(self) -> None:
        """Rows that are read, and rows that write, are random pictures of the codes' structure."""
        books = structure()
        tables = [(t, books[q]) for q, t in enumerate(self.codes)]
        tables += [(self.head.codes[0], books[0])]
        tables += [(t, books[q]) for q, t in enumerate(self.head.out)]
        for table, book in tables:
            weight = table.weight
            assert isinstance(weight, Tensor)
            picture = torch.randn(book.shape[1], weight.shape[1])
            weight[:CARDINALITY] = book @ picture * weight.std()


def letters(sentence: str) -> list[int]:
    """A sentence letter by letter, and the marker that opens a sound."""
    return [*(NUM_MARKERS + b for b in _plain(sentence).encode()), BEGIN_AUDIO]


def spelled(sentences: Sequence[str], device: torch.device | None = None) -> Segment:
    """Sentences as one segment of letters, filled up at the right."""
    rows = [letters(s) for s in sentences]
    longest = max(map(len, rows))
    tokens = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=device)
    lengths = torch.tensor([len(row) for row in rows], device=device)
    valid = torch.arange(longest, device=device) < lengths[:, None]
    return prompt(Modality.TEXT, tokens[..., None], valid)


def before_end(codes: Tensor) -> Tensor:
    """Codes "L 2" up to the first end in either codebook."""
    ends = (codes == END).any(-1).nonzero()
    return codes[: int(ends[0])] if len(ends) else codes


def _plain(sentence: str) -> str:
    """Return it in lower case with a space in front, as the words of a conversation are."""
    return " " + " ".join(sentence.lower().split())


def _keys_and_values(
    layer: nn.Module, x: Tensor, rotary: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """The state that a layer's attention sees of features "B L D"."""
    assert isinstance(layer, Block)
    attention = layer.self_attn
    x = layer.input_layernorm(x)
    k = attention.k_norm(attention.split(attention.k_proj(x), attention.kv_heads))
    return rotate(k, *rotary), attention.split(attention.v_proj(x), attention.kv_heads)


def _waves(pace: TimeEmbedding, times: Tensor) -> Tensor:
    angles = times[..., None] * pace.waves
    return torch.cat([angles.sin(), angles.cos()], -1)
