"""The Image tab: words become a picture."""

from app.examples import PICTURES
from app.tabs.studio import Craft, Recipe, Studio
from engine.request import Modality

CRAFT = Craft(
    name="image",
    to=Modality.IMAGE,
    api="draw",
    question="What should it draw?",
    placeholder="a red heart above a dog",
    prompts=PICTURES,
    first=Recipe(PICTURES[0]),
)


class ImageTab(Studio):
    """See the module's docstring."""

    @property
    def craft(self) -> Craft:
        return CRAFT
