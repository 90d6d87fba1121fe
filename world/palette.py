"""The words that a wish is made of, as a checkpoint's facts list them for the page.

Owns: `palette`. Does not own: all words of the texts (`world.wishes`).
"""

from world.concepts import COLOURABLE, CONCEPTS, OBJECT_COLOURS
from world.image.scenes import PLACES
from world.text.captions import PLACE_PHRASES, with_article
from world.video.captions import MOTION_PHRASES


def palette() -> dict[str, object]:
    """Return the words of the domain. things: by kind, with their articles; coloured: the names of
    those that take a colour; colours: word -> "#rrggbb"; places and motions: phrases."""
    things: dict[str, list[str]] = {}
    for concept in CONCEPTS:
        things.setdefault(concept.kind, []).append(with_article(concept.name))
    colours = {name: "#" + bytes(rgb).hex() for name, rgb in OBJECT_COLOURS.items()}
    return {
        "things": things,
        "coloured": list(COLOURABLE),
        "colours": colours,
        "places": [PLACE_PHRASES[place][0] for place in PLACES],
        "motions": list(MOTION_PHRASES.values()),
    }
