"""Images, and edits of images, with a held-out coloured object whose colour no word names.

A code that no picture of training holds is one that the model learns never to choose; what is held
out is the way from the words to it. So such pictures are seen, and the words name everything but
these colours. Owns: which scenes and changes those are. Does not own: what is said of them.
"""

import numpy as np

from world.concepts import OBJECT_COLOURS
from world.edits.edits import Change, Edit, held_out_pairs_of_edit, is_held_out
from world.edits.proposals import propose_edit
from world.edits.sampling import NUM_TRIES
from world.image.scenes import Family, Scene, held_out_pairs, sample_scene
from world.sampling import pick

FAMILIES = (Family.COLOURS, Family.COLOUR_ATTRIBUTION)


def sample_unnamed_scene(rng: np.random.Generator, family: Family | None = None) -> Scene:
    """Return a scene of `FAMILIES` with a held-out coloured object and no other held-out pair."""
    family = family or pick(rng, FAMILIES)
    while True:
        scene = sample_scene(rng, test=True, family=family)
        if all(colour in OBJECT_COLOURS for colour, _ in held_out_pairs(scene)):
            return scene


def sample_unnamed_edit(rng: np.random.Generator) -> Edit:
    """Return an edit of such a scene that keeps one of its held-out coloured objects, makes no new
    one, is not held out, and names no held-out colour.

    Raises: ValueError where there is none.
    """
    for _ in range(NUM_TRIES):
        before = sample_unnamed_scene(rng)
        edit = propose_edit(rng, before, pick(rng, tuple(Change)), test=False)
        if edit is None or is_held_out(edit):
            continue
        unsaid = {colour for colour, _ in held_out_pairs_of_edit(edit)}
        if not unsaid <= set(OBJECT_COLOURS):
            continue
        shown = set(held_out_pairs(edit.after))
        if shown and shown <= set(held_out_pairs(before)) and not unsaid & set(edit.words.split()):
            return edit
    raise ValueError(f"{NUM_TRIES} scenes allow no such change")
