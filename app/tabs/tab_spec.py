"""The kind of a generation tab: its answer, its words, and the recipe that it opens with."""

from dataclasses import dataclass

from engine.api.request import Modality


@dataclass(frozen=True)
class Recipe:
    """The form's values when the page opens."""

    prompt: str
    seed: int = 0
    steps: int = 16
    guidance: float = 1.0
    method: str = "midpoint"


@dataclass(frozen=True)
class TabSpec:
    """The kind of a generation tab. name: in the ids of its controls. api: in the names of its
    events for programs. question, placeholder: of the prompt."""

    name: str
    to: Modality
    api: str
    question: str
    placeholder: str
    prompts: tuple[str, ...]
    first: Recipe
