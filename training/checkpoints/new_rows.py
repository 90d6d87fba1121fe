"""The rows of a new vocabulary, and of codes that name things: each begins as what it means.

A new word piece begins as the mean of the old pieces that spell it, and the code of a drawing as
the row of its word, in the embedding and in the head: to name what is seen is then to copy. Owns:
`text_rows`, `name_codes`. Does not own: which options ask for them
(`training.checkpoints.initialise`).
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from model.network.omni import OmniModel
from model.tokenizers.text import NUM_MARKERS, TextTokenizer
from world.concepts import CONCEPTS
from world.image.drawings import DRAWINGS
from world.image.sprites import drawing_of

WORDS, BIAS, DURATION = "embeddings.text.weight", "text_bias", "embeddings.pace.duration"


def text_rows(
    weights: Mapping[str, Tensor], old: TextTokenizer, new: TextTokenizer
) -> dict[str, Tensor]:
    """Return the weights of all rows of the new vocabulary. Rows without a piece are zero; a piece
    lasts as long as the old ones together."""
    spelled = [
        [i] if i < NUM_MARKERS else old.spelled(piece) for i, piece in enumerate(new.stored())
    ]
    spelled += [[] for _ in range(new.cardinality - len(spelled))]
    found: dict[str, Tensor] = {}
    for name in (WORDS, BIAS):
        rows = weights[name]
        means = [rows[ids].mean(0) if ids else torch.zeros_like(rows[0]) for ids in spelled]
        found[name] = torch.stack(means)
    if DURATION in weights:
        lasts = weights[DURATION]
        sums = [lasts[ids].sum() if ids else lasts[-1] for ids in spelled]
        sums[:NUM_MARKERS] = list(lasts[:NUM_MARKERS])
        found[DURATION] = torch.stack([*sums, lasts[-1]])
    return found


def name_codes(model: OmniModel, words: TextTokenizer) -> None:
    """Let the rows of the first sub-code begin as words: of a drawing that the domain names, that
    name; of others, the name of the drawing; of "nothing" and of the masked state, zero."""
    said = {i + 1: drawing.name for i, drawing in enumerate(DRAWINGS)}
    said |= {drawing_of(concept.name) + 1: concept.name for concept in CONCEPTS}
    head = model.image_head.names
    assert head is not None
    rows = model.embeddings.text.weight
    with torch.no_grad():
        model.embeddings.image_names.weight.zero_()
        head.weight.zero_()
        for code, name in said.items():
            row = rows[words.encode(name)].mean(0)
            model.embeddings.image_names.weight[code] = row
            head.weight[code] = row
