"""The words with which pictures and films are asked for and asked about.

Owns: `words_of_wishes`, which a checkpoint's facts list beside the names of things. Does not own:
the sentences (`world.text.dialogue`, `world.video.captions`, `world.edits.proposals`).
"""

import re

import numpy as np

from world.edits.sampling import sample_edit
from world.text.dialogue import Kind, sample_dialogue
from world.video.captions import video_caption
from world.video.motion import sample_video

KINDS = (Kind.DRAW, Kind.ASK, Kind.FOLLOW_UP)


def words_of_wishes(num: int) -> list[str]:
    """All words of `num` dialogues of each kind, films and changes, in alphabetical order."""
    rng = np.random.default_rng(3)
    dialogues = [sample_dialogue(rng, kind, test=False) for kind in KINDS for _ in range(num)]
    said = [utterance.text for dialogue in dialogues for utterance in dialogue.utterances]
    said += [video_caption(sample_video(rng, test=False), rng) for _ in range(num)]
    said += [sample_edit(rng, test=False).words for _ in range(num)]
    return sorted({word for text in said for word in re.findall("[a-z]+", text.lower())})
