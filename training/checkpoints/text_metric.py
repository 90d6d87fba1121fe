"""The metric of the text path: word vectors from the texts of the training stream.

Owns: the texts, `word_vectors`. Does not own: the path (`flow.metric`).
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.linalg import svds
from torch import Tensor

from model.tokenizers.text import EOS, PAD, TextTokenizer
from world.edits.sampling import sample_edit
from world.text.dialogue import (
    Kind,
    sample_dialogue,
)
from world.video.captions import full_video_caption, video_caption
from world.video.motion import sample_video


def training_texts(num: int) -> list[str]:
    """Return the utterances of `num` training dialogues of each kind, `num` videos' captions (two
    each) and `num` edit instructions."""
    rng = np.random.default_rng(3)
    dialogues = [sample_dialogue(rng, kind, test=False) for kind in Kind for _ in range(num)]
    videos = [sample_video(rng, test=False) for _ in range(num)]
    said = [u.text for d in dialogues for u in d.utterances]
    said += [text for f in videos for text in (full_video_caption(f), video_caption(f, rng))]
    return said + [sample_edit(rng, test=False).words for _ in range(num)]


def word_vectors(tokenizer: TextTokenizer, texts: Sequence[str], dim: int) -> Tensor:
    """Return unit vectors "V dim" in which tokens that can replace each other are near.

    Positive pointwise mutual information with the tokens at distances -2, -1, 1 and 2, counted
    apart, then a truncated singular value decomposition. Unused rows get fixed random directions.
    """
    vocabulary, reach = tokenizer.cardinality, (-2, -1, 1, 2)
    shape = (vocabulary, vocabulary * len(reach))
    pairs: dict[tuple[int, int], int] = {}
    for text in texts:
        ids = [PAD, PAD, *tokenizer.encode(text), EOS, PAD]
        for i in range(2, len(ids) - 1):
            for k, shift in enumerate(reach):
                if i + shift < len(ids):
                    key = (ids[i], k * vocabulary + ids[i + shift])
                    pairs[key] = pairs.get(key, 0) + 1
    rows, columns = zip(*pairs, strict=True)
    counts = sparse.coo_matrix((list(pairs.values()), (rows, columns)), shape, dtype=np.float64)
    total, by_row, by_column = (
        counts.sum(),
        np.asarray(counts.sum(1)).ravel(),
        np.asarray(counts.sum(0)).ravel(),
    )
    information = np.log(counts.data * total / (by_row[counts.row] * by_column[counts.col]))
    positive = sparse.csr_matrix(
        (np.maximum(information, 0), (counts.row, counts.col)), counts.shape
    )
    left, scale, _ = svds(positive, k=dim, rng=np.random.default_rng(0))
    assert left is not None
    vectors = left * np.sqrt(scale)
    vectors = vectors + 1e-3 * np.random.default_rng(5).normal(size=vectors.shape)
    return torch.from_numpy(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).float()
