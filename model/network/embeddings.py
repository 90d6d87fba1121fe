"""Input embeddings: text tokens by row, media codes by their continuous codebook vectors.

A media position enters as the projected concatenation of its sub-codes' vectors plus a position
embedding of the grid (Luo et al. 2025, arXiv:2510.13721, Section 2.2), and of the frame in a video.
With `named_codes` the first sub-code adds a row of its own.
With `neighbours` it also enters with the same position of the image before and after it
(`TemporalNeighbourMixing`), which the papers do not have: a small model learns static content from
it sooner than from attention. With `time_aligned` text and audio have a `TimeEmbedding`. In a
shared vocabulary (`OmniConfig.code_rows`) media codes enter by row, with nothing added. Owns: the
input embeddings of all modalities, the masked state, and the shift of causal mode.
"""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flow.modality import Modality
from flow.sequence import OmniSequence, Segment
from model.config import OmniConfig
from model.layers.time_embedding import TimeEmbedding

Codebooks = Mapping[Modality, Tensor]
PICTURES = (Modality.IMAGE, Modality.VIDEO)


class OmniEmbeddings(nn.Module):
    """OmniSequence -> "B L width"."""

    def __init__(self, config: OmniConfig) -> None:
        super().__init__()
        width = config.backbone.width
        self.shift_text = config.backbone.shift_text
        self.text = nn.Embedding(config.text_vocabulary, width)
        self.text_mask = nn.Parameter(torch.randn(width) * 0.02)
        self.places = 0
        self.code_rows, self.named_codes = config.code_rows, config.named_codes
        if config.vision is not None and config.code_rows is None:
            books, dim = config.vision.num_codebooks, config.vision.code_dim
            grid = config.vision.grid
            self.places = config.vision.positions
            self.image_mask = nn.Parameter(torch.randn(books, dim) * 0.3)
            self.image_projection = _projection(books * dim, width)
            if config.named_codes:
                self.image_names = nn.Embedding(config.vision.cardinality + 1, width)
            self.image_row = nn.Parameter(torch.randn(grid, width) * 0.02)
            self.image_column = nn.Parameter(torch.randn(grid, width) * 0.02)
        if config.video_frames and config.code_rows is None:
            shape = (config.video_frames, config.required_vision.positions, width)
            self.video_place = nn.Parameter(torch.randn(shape) * 0.02)
        if config.audio_codec is not None:
            books, dim = config.audio_codec.num_codebooks, config.audio_codec.code_dim
            self.audio_end = nn.Parameter(torch.randn(books, dim) * 0.3)
            self.audio_mask = nn.Parameter(torch.randn(books, dim) * 0.3)
            self.audio_projection = _projection(books * dim, width)
        self.beside = TemporalNeighbourMixing(width) if config.neighbours else None
        paced = config.time_aligned and config.audio_codec is not None
        self.pace = TimeEmbedding(config.text_vocabulary, width) if paced else None
        self.editable = nn.Parameter(torch.randn(width) * 0.02)
        self.causal = nn.Parameter(torch.randn(width) * 0.02)

    def zero_init_layers(self) -> list[nn.Linear]:
        """Return the layers that start at zero, so that an older checkpoint can be trained on with
        them."""
        found = [] if self.beside is None else [self.beside.before, self.beside.after]
        return found if self.pace is None else [*found, self.pace.projection]

    def forward(self, sequence: OmniSequence, codebooks: Codebooks, *, causal: bool) -> Tensor:
        """Embed a sequence. codebooks: unit codes "Q K code_dim" of each modality.

        All positions of a segment with an editable position get the answer embedding. In causal
        mode its positions enter with the code of the position before (except text with
        `shift_text`), and without temporal neighbours.
        """
        found = [self._segment(s, codebooks, causal=causal) for s in sequence.segments]
        if self.pace is not None:
            timed = zip(found, self.pace(sequence), strict=True)
            found = [x if time is None else x + time for x, time in timed]
        if self.beside is not None and not causal:
            last: Tensor | None = None
            for i, segment in enumerate(sequence.segments):
                if segment.modality in PICTURES and segment.length % self.places == 0:
                    seen = found[i] * segment.valid[..., None].to(found[i].dtype)
                    frames = seen.unflatten(1, (-1, self.places))
                    found[i] = found[i] + self.beside(frames, last)
                    last = frames[:, -1:]
        return torch.cat(found, 1)

    def _segment(self, segment: Segment, codebooks: Codebooks, *, causal: bool) -> Tensor:
        x, masked = self._tokens(segment, codebooks)
        response = segment.editable.any(1)[:, None, None]
        if causal and not (self.shift_text and segment.modality is Modality.TEXT):
            shifted = torch.cat([masked.expand(len(x), 1, -1), x[:, :-1]], 1) + self.causal
            x = torch.where(response, shifted, x)
        if segment.modality in PICTURES and self.code_rows is None:
            places = (self.image_row[:, None] + self.image_column[None]).flatten(0, 1)
            if segment.modality is Modality.VIDEO:
                places = (self.video_place + places).flatten(0, 1)
            x = x + places[: segment.length]
        return x + self.editable * response.to(x.dtype)

    def _tokens(self, segment: Segment, codebooks: Codebooks) -> tuple[Tensor, Tensor]:
        """Return the embedded tokens "B L D" and the embedded masked state "D"."""
        match segment.modality:
            case Modality.TEXT:
                return self._rows(segment.tokens[..., 0], ((0, self.text.num_embeddings),))
            case Modality.IMAGE | Modality.VIDEO | Modality.AUDIO if self.code_rows is not None:
                return self._rows(segment.tokens[..., 0], self.code_rows.runs(segment.modality))
            case Modality.IMAGE | Modality.VIDEO:
                books = torch.cat([codebooks[Modality.IMAGE], self.image_mask[:, None]], 1)
                vectors = _gather(books, segment.tokens)
                vectors = vectors.to(self.image_mask.dtype)
                found = self.image_projection(vectors)
                masked = self.image_projection(self.image_mask.flatten())
                if not self.named_codes:
                    return found, masked
                rows = self.image_names
                return found + rows(segment.tokens[..., 0]), masked + rows.weight[-1]
            case Modality.AUDIO:
                added = torch.stack([self.audio_end, self.audio_mask], 1)
                books = torch.cat([codebooks[Modality.AUDIO], added], 1)
                vectors = _gather(books, segment.tokens).to(self.audio_mask.dtype)
                return self.audio_projection(vectors), self.audio_projection(
                    self.audio_mask.flatten()
                )

    def _rows(self, ids: Tensor, runs: Sequence[tuple[int, int]]) -> tuple[Tensor, Tensor]:
        """Embed ids "B L" by the rows of consecutive runs, as `_tokens`; the id after the last row
        is the masked state."""
        (first, num), *more = runs
        rows = first + ids.clamp(max=num - 1)
        for start, length in more:
            rows = torch.where(ids >= num, start + (ids - num).clamp(max=length - 1), rows)
            num += length
        found = self.text(rows)
        return torch.where(ids[..., None] >= num, self.text_mask, found), self.text_mask


class TemporalNeighbourMixing(nn.Module):
    """A linear map of the same position in the previous and the next frame or image."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before = nn.Linear(width, width, bias=False)
        self.after = nn.Linear(width, width, bias=False)

    def forward(self, frames: Tensor, last: Tensor | None) -> Tensor:
        """Return the sum of both maps, "B F*L D". frames: "B F L D" of a video or an image (F = 1).
        last: "B 1 L D", the frame before them in another segment."""
        first = torch.zeros_like(frames[:, :1]) if last is None else last
        before = torch.cat([first, frames[:, :-1]], 1)
        after = F.pad(frames[:, 1:], (0, 0, 0, 0, 0, 1))
        return (self.before(before) + self.after(after)).flatten(1, 2)


def _projection(code_width: int, width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(code_width, width), nn.SiLU(), nn.Linear(width, width))


def _gather(books: Tensor, tokens: Tensor) -> Tensor:
    """books "Q K d", tokens "B L Q" -> "B L Q*d"."""
    return torch.cat([F.embedding(tokens[..., q], books[q]) for q in range(len(books))], -1)
