"""The examples that need more than one look: thinking before counting, and sound with an image.

Owns: these examples. Does not own: the questions (`world.text.thinking`,
`world.audio.audio_visual_questions`).
"""

import numpy as np

from model.prompt_template import Message, layout
from model.tokenizers.text import END_THINK
from training.data.examples import Example, Examples, with_mentions
from training.data.speech.examples import SpeechExamples
from world.audio.audio_visual_questions import sample_audio_visual_question
from world.patch_labels import patch_labels
from world.sampling import pick
from world.text.thinking import sample_thought

AT_ONCE_SHARE = 0.3
"""The share of counting questions answered without thinking."""


def think(words: Examples, rng: np.random.Generator) -> Example:
    """Draw an image and a question -> a thought and the answer, or the answer at once."""
    scene = words.pool.draw(rng)
    asked = sample_thought(rng, scene)
    thinks = rng.random() > AT_ONCE_SHARE
    ids = words.tokenizer.encode(asked.answer)
    if thinks:
        ids = [*words.tokenizer.encode(asked.thought), END_THINK, *ids]
    picture = words.pool.picture_of(scene)
    message = Message(True, (picture, asked.question))
    spans = layout(words.tokenizer, [message], thinks=thinks)
    given = with_mentions(patch_labels(scene, len(picture.tokens)), asked.question)
    return Example(tuple(spans), words.words(ids, rng), given=given)


def audio_visual(words: Examples, speech: SpeechExamples, rng: np.random.Generator) -> Example:
    """Draw an image, a sound and a question about both -> the answer. The object heard counts as
    named."""
    asked = sample_audio_visual_question(rng, words.pool.draw, speech.drawable)
    clip = pick(rng, [clip for clip in speech.sounds if clip.sentence == asked.sound])
    picture = words.pool.picture_of(asked.scene)
    parts = (picture, clip.span(), asked.question)
    spans = layout(words.tokenizer, [Message(True, parts)])
    answer = words.words(words.tokenizer.encode(asked.answer), rng)
    given = with_mentions(patch_labels(asked.scene, len(picture.tokens)), asked.sound, absent=True)
    return Example(tuple(spans), answer, given=given)
