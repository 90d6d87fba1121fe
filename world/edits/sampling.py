"""Random edits of a split: training edits, and held-out ones for tests.

Owns: `sample_edit`. Does not own: proposals (`world.edits.proposals`), what
is held out (`world.edits.edits`).
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from world.edits.edits import Change, Edit, held_out_pairs_of_edit, is_held_out
from world.edits.proposals import propose_edit
from world.image.scenes import (
    Scene,
    sample_scene,
)
from world.sampling import pick

NUM_TRIES = 20_000


def sample_edit(
    rng: np.random.Generator,
    *,
    test: bool,
    change: Change | None = None,
    scenes: Callable[[np.random.Generator], Scene] | None = None,
) -> Edit:
    """Return a random edit; change None draws one, scenes draws the scene before (None:
    `sample_scene`).

    test False: no held-out pair is shown or stated. test True: the pair of `is_held_out` is held
    out, and a new object or colour makes a held-out coloured object.

    Raises: ValueError where the scenes allow no such edit.
    """
    change = change or pick(rng, tuple(Change))
    draw = scenes or partial(sample_scene, test=test)
    for _ in range(NUM_TRIES):
        edit = propose_edit(rng, draw(rng), change, test)
        if (
            edit is not None
            and is_held_out(edit) == test
            and (test or not held_out_pairs_of_edit(edit))
        ):
            return edit
    raise ValueError(f"{NUM_TRIES} scenes allow no {change} edit with test={test}")
