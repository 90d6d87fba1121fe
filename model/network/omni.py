"""The model: one backbone over a sequence of all modalities, and its posterior for the samplers.

`OmniModel` satisfies the protocol `samplers.denoiser.Denoiser`. Source: Luo et al. 2025
(arXiv:2510.13721), Section 2. Owns: segments -> features -> logits, and the causal decoder. Does
not own: losses, sampling, tokenizers. Axes: B batch, L positions, Q codebooks, V text vocabulary, K
codes of a codebook, D width.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flow.metric import CodebookMetric, Metric
from flow.modality import Modality, TokenSpace
from flow.sequence import OmniSequence
from model.config import OmniConfig
from model.layers.int8 import Int8Linear
from model.layers.logits import logits
from model.layers.transformer import initialise
from model.network.backbone import Backbone
from model.network.embeddings import OmniEmbeddings
from model.network.heads import SubCodebookHead
from model.network.posterior import MultiCodebookPosterior, SingleCodebookPosterior
from model.tokenizers.audio import AudioTokenizer
from model.tokenizers.image import VisionTokenizer


class OmniModel(nn.Module):
    """All networks of a checkpoint.

    text_space: the state space of text, whose forbidden ids are never drawn.
    """

    text_metric_codes: Tensor
    text_forbidden: Tensor

    def __init__(self, config: OmniConfig, text_space: TokenSpace) -> None:
        super().__init__()
        self.config = config
        self.spaces: dict[Modality, TokenSpace] = {
            Modality.TEXT: text_space,
        }
        self.embeddings = OmniEmbeddings(config)
        self.backbone = Backbone(config.backbone)
        if config.vision is not None:
            self.spaces[Modality.IMAGE] = config.image_space()
        if config.vision is not None and config.code_rows is None:
            space = self.spaces[Modality.IMAGE]
            self.image_head = SubCodebookHead(
                config.backbone.width,
                space.num_codebooks,
                space.cardinality,
                config.image_head,
                named=config.named_codes,
            )
        if config.video_frames:
            self.spaces[Modality.VIDEO] = config.video_space()
        if config.audio is not None:
            self.spaces[Modality.AUDIO] = config.audio_space()
        if config.audio_codec is not None:
            space = self.spaces[Modality.AUDIO]
            self.audio_head = SubCodebookHead(
                config.backbone.width, space.num_codebooks, space.cardinality, config.audio_head
            )
        self.text_head = (
            None
            if config.text_tied
            else nn.Linear(config.backbone.width, config.text_vocabulary, bias=False)
        )
        self.text_bias = nn.Parameter(torch.zeros(config.text_vocabulary))
        initialise(self)
        for linear in self.embeddings.zero_init_layers():
            nn.init.zeros_(linear.weight)
        if config.vision is not None:
            self.vision = VisionTokenizer(config.vision).requires_grad_(False)
        if config.audio_codec is not None:
            self.audio = AudioTokenizer(config.audio_codec).requires_grad_(False)
        metric_codes = F.normalize(
            torch.randn(config.text_vocabulary, config.text_metric_dim), dim=-1
        )
        self.register_buffer("text_metric_codes", metric_codes)
        forbidden = torch.zeros(config.text_vocabulary, dtype=torch.bool)
        forbidden[list(text_space.forbidden)] = True
        self.register_buffer("text_forbidden", forbidden, persistent=False)

    @property
    def device(self) -> torch.device:
        return self.text_bias.device

    def metrics(self) -> dict[Modality, CodebookMetric]:
        """Return the distances of each modality's path (`flow.metric`), on the model's device."""
        config = self.config
        text_codes = self.text_metric_codes[None]
        books = self.codebooks()
        found = {
            Modality.TEXT: CodebookMetric.of(
                text_codes,
                Metric(config.text_flow.metric),
                forbidden=self.spaces[Modality.TEXT].forbidden,
            ),
        }
        if Modality.IMAGE in books:
            metric = Metric(config.image_flow.metric)
            found[Modality.IMAGE] = CodebookMetric.of(books[Modality.IMAGE], metric)
        if config.video_frames:
            same = config.video_flow.metric == config.image_flow.metric
            metric = Metric(config.video_flow.metric)
            found[Modality.VIDEO] = (
                found[Modality.IMAGE] if same else CodebookMetric.of(books[Modality.IMAGE], metric)
            )
        if Modality.AUDIO in books:
            codes = _with_end(books[Modality.AUDIO])
            found[Modality.AUDIO] = CodebookMetric.of(codes, Metric(config.audio_flow.metric))
        return found

    def codebooks(self) -> dict[Modality, Tensor]:
        """Return the unit code vectors "Q K code_dim" of each tokenizer in the checkpoint."""
        books: dict[Modality, Tensor] = {}
        if self.config.vision is not None:
            books[Modality.IMAGE] = self.vision.quantizer.unit_codebooks()
        if self.config.audio_codec is not None:
            books[Modality.AUDIO] = self.audio.quantizer.unit_codebooks()
        return books

    def features(self, sequence: OmniSequence, *, causal: bool = False) -> tuple[Tensor, ...]:
        """Return the backbone features "B L D" of each segment, read at the predicting position."""
        x, valid = self.embed(sequence, causal=causal)
        hidden = self.backbone(x, valid, causal=causal, padded=sequence.padded)
        return self.by_segment(hidden, sequence)

    def embed(self, sequence: OmniSequence, *, causal: bool = False) -> tuple[Tensor, Tensor]:
        """Return the backbone's input "B L D", and bool "B L": the positions that exist."""
        x = self.embeddings(sequence, self.codebooks(), causal=causal)
        return x, torch.cat([s.valid for s in sequence.segments], 1)

    def by_segment(self, hidden: Tensor, sequence: OmniSequence) -> tuple[Tensor, ...]:
        """Split the backbone's output "B L D" into segments, read at the predicting positions."""
        valid = torch.cat([s.valid for s in sequence.segments], 1)
        ends = torch.tensor([s.length for s in sequence.segments]).cumsum(0).tolist()
        found = []
        for segment, end in zip(sequence.segments, ends, strict=True):
            shift = self.config.backbone.shift_text and segment.modality is Modality.TEXT
            start = end - segment.length
            found.append(_shifted(hidden, valid, start, end) if shift else hidden[:, start:end])
        return tuple(found)

    def embedding(self, sequence: OmniSequence) -> Tensor:
        """Return the retrieval embedding, unit vectors "B D": the feature of each row's last valid
        position, its <eos>, in one pass over clean tokens.

        Source: Luo et al. 2025 (arXiv:2510.13721), Section 3.5.
        """
        last = sequence.segments[-1]
        ends = last.valid.sum(1) - 1
        features = self.features(sequence)[-1]
        rows = torch.arange(last.batch, device=ends.device)
        return F.normalize(features[rows, ends].float(), dim=-1)

    def recording_key(self, x_t: OmniSequence, t: float) -> Hashable:
        """Return the key of a recorded call, which depends on the weights and on tensors only; see
        `samplers.cuda_graph`."""
        return id(self)

    def begin(self, x_0: OmniSequence) -> "CausalDecoder":
        """Start left-to-right decoding of the last segment, see `samplers.autoregressive`."""
        return CausalDecoder(self, x_0)

    def posterior(
        self, features: Tensor, modality: Modality
    ) -> SingleCodebookPosterior | MultiCodebookPosterior:
        """Return the posterior of positions with the features "B L D"."""
        if modality is Modality.TEXT:
            return SingleCodebookPosterior(self.text_logits(features))
        if self.config.code_rows is not None:
            runs = self.config.code_rows.runs(modality)
            return SingleCodebookPosterior(self.code_logits(features, runs))
        return MultiCodebookPosterior(self.media_head(modality), features)

    def media_head(self, modality: Modality) -> SubCodebookHead:
        """Return the sub-codebook head: one for image and video, one for audio."""
        return self.audio_head if modality is Modality.AUDIO else self.image_head

    def text_logits(self, features: Tensor) -> Tensor:
        """Return text logits float32 "... V"; forbidden ids are -inf."""
        logits = (self._written(features, slice(None)) + self.text_bias).float()
        return logits.masked_fill(self.text_forbidden, -torch.inf)

    def code_logits(self, features: Tensor, runs: Sequence[tuple[int, int]]) -> Tensor:
        """Return logits float32 "... K" of codes in a shared vocabulary, see `CodeRows.runs`."""
        rows = [slice(first, first + num) for first, num in runs]
        found = [(self._written(features, there) + self.text_bias[there]) for there in rows]
        return torch.cat(found, -1).float()

    def _written(self, features: Tensor, rows: slice) -> Tensor:
        """Multiply features "... D" with R rows of the text head: "... R", without bias, see
        `model.layers.logits`."""
        head = self.text_head
        if isinstance(head, Int8Linear):
            return head.logits(features, rows)
        return logits(features, (self.embeddings.text if head is None else head).weight[rows])

    def forward(
        self, x_t: OmniSequence, t: float
    ) -> Mapping[int, SingleCodebookPosterior | MultiCodebookPosterior]:
        """Evaluate the network once. t is not used: the model infers the noise level from x_t."""
        return self.posteriors(self.features(x_t), x_t)

    def posteriors(
        self, features: tuple[Tensor, ...], x_t: OmniSequence
    ) -> Mapping[int, SingleCodebookPosterior | MultiCodebookPosterior]:
        """Return the posterior of each editable segment, given the features of all segments."""
        return {
            i: self.posterior(features[i], x_t.segments[i].modality)
            for i in x_t.editable_segments()
        }


def _with_end(books: Tensor) -> Tensor:
    """Append the end code to codes "Q K D" -> "Q K+1 D+1", orthogonal to all others."""
    padded = F.pad(books, (0, 1))
    end = F.one_hot(torch.tensor([padded.shape[-1] - 1]), padded.shape[-1]).to(padded)
    return torch.cat([padded, end.expand(len(books), 1, -1)], 1)


def _shifted(hidden: Tensor, valid: Tensor, start: int, end: int) -> Tensor:
    """Return hidden at i - 1 for the positions start .. end. The first one reads the last valid
    position before it, or itself where there is none."""
    before = _last(hidden[:, :start], valid[:, :start]) if start > 0 else hidden[:, :1]
    return torch.cat([before, hidden[:, start : end - 1]], 1)


def _last(hidden: Tensor, valid: Tensor) -> Tensor:
    """Return hidden "B 1 D" at the last valid position of each row."""
    places = torch.arange(valid.shape[1], device=valid.device)
    last = (places * valid).amax(1)
    return hidden.gather(1, last[:, None, None].expand(-1, 1, hidden.shape[-1]))


class CausalDecoder:
    """Left-to-right decoding of the last segment of a sequence, with a key-value cache.

    With `shift_text` the posterior of text position i is read at i - 1, which holds its own token.
    Otherwise it is read at i, whose input is the token of i - 1.
    """

    def __init__(self, model: OmniModel, x_0: OmniSequence) -> None:
        *prompt, segment = x_0.segments
        self._model, self._prompt, self._segment = model, tuple(prompt), segment
        self._tokens = segment.tokens.clone()
        self._shifted = model.config.backbone.shift_text and segment.modality is Modality.TEXT
        self._books = model.codebooks()
        self._start = x_0.length - segment.length
        self._cache = model.backbone.causal_cache(x_0.batch, x_0.length)
        x = self._embedded()[:, : self._start]
        valid = torch.cat([s.valid for s in prompt], 1)
        places = torch.arange(self._start, device=x.device)
        self._last = _last(model.backbone.extend(x, valid, places, self._cache), valid)

    def next(
        self, tokens: Tensor | None, index: Tensor
    ) -> SingleCodebookPosterior | MultiCodebookPosterior:
        """Return the posterior of position `index`, an int64 scalar tensor.

        tokens: "B Q" of the position before it, None at the first one. Calls from the second on
        can be recorded as a CUDA graph.
        """
        if tokens is not None:
            self._tokens.index_copy_(1, (index - 1).view(1), tokens[:, None])
        features = self._last
        if tokens is not None or not self._shifted:
            place = (index - 1 if self._shifted else index).view(1)
            features = self._model.backbone.extend(
                self._embedded().index_select(1, place + self._start),
                self._segment.valid.index_select(1, place),
                place + self._start,
                self._cache,
            )
        return self._model.posterior(features, self._segment.modality)

    def _embedded(self) -> Tensor:
        """Embed all positions, "B L D": the time of a token depends on those before it."""
        segment = replace(self._segment, tokens=self._tokens)
        sequence = OmniSequence((*self._prompt, segment))
        return self._model.embeddings(sequence, self._books, causal=True)
