"""A recipe read back: the settings that a file of ours carries, checked like a visitor's input."""

import json
from collections.abc import Mapping
from pathlib import Path

from engine.api.conversation import without_halves
from engine.media.images import note_in

MAX_CHARACTERS = 4000
NOT_OURS = "this file carries no settings of ours: use one that was downloaded from this page"


def read_recipe(path: Path) -> Mapping[str, object]:
    """The recipe inside a PNG, WebP or MP4, see `render.recipe_of`.

    Raises: ValueError with a sentence where there is none.
    """
    note = note_in(path)
    if note is None or len(note) > MAX_CHARACTERS:
        raise ValueError(NOT_OURS)
    try:
        recipe = json.loads(note)
    except (ValueError, RecursionError) as error:  # also of numbers with thousands of digits
        raise ValueError(NOT_OURS) from error
    if not isinstance(recipe, dict) or not isinstance(recipe.get("prompt"), str):
        raise ValueError(NOT_OURS)
    return {**recipe, "prompt": without_halves(recipe["prompt"])}
