"""A link that makes a run again:
?tab=image&prompt=..&seed=..&steps=..&guidance=..&method=..&checkpoint=..
(the last is the digest of the one that it was made on), with tab=video for a film, and for tab=lab
also to (the kind of answer), temperature, grid, c and a.

Opening one fills the form, keeps its seed and makes the run again at once. A link with a bad value,
or of another checkpoint, says so and leaves that to the visitor.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.forms.parse import InputError, beside, read_guidance, read_sampling, read_seed, read_steps
from engine.api.request import MAX_PROMPT_CHARACTERS
from engine.api.sampling import Sampling

TABS = ("image", "chat", "speech", "video", "gallery", "lab", "about")
ANOTHER = (
    "This link was made on another checkpoint ({}): the same settings give another result here."
)
BAD_LINK = "This link holds a value that is none: {}."
Fill = Callable[[Mapping[str, object]], tuple[object, ...]]


@dataclass(frozen=True)
class Link:
    """The content of a link: a tab, values for its form, and a sentence where one was bad."""

    tab: str | None = None
    values: Mapping[str, object] = field(default_factory=dict)
    bad: InputError | None = None


def read_link(query: Mapping[str, str], checkpoint: str = "") -> Link:
    """The link of a page's query; a bad value is left out and told, the others are used.
    checkpoint: the digest of the one that runs; a link that was made on another is told, too."""
    values: dict[str, object] = {}
    bad: InputError | None = None
    readers = {
        "prompt": lambda text: text[:MAX_PROMPT_CHARACTERS],
        "seed": lambda text: str(read_seed(text)),
        "steps": read_steps,
        "guidance": _checked_guidance,
        "method": _known_method,
    }
    for name, read in readers.items():
        if name not in query:
            continue
        try:
            with beside("settings"):
                values[name] = read(query[name])
        except InputError as refused:
            bad = bad or refused
    made_on = query.get("checkpoint", checkpoint)
    if bad is None and made_on != checkpoint:
        bad = InputError(ANOTHER.format(made_on[:20]), "settings")
    tab = query.get("tab")
    return Link(tab if tab in TABS else None, values, bad)


def read_lab_link(
    query: Mapping[str, str], checkpoint: str, filled: Fill
) -> tuple[tuple[object, ...], str]:
    """The Lab's controls for a link, as `filled` has them for its values, none where it is bad; and
    a sentence where there is something to say. checkpoint: the digest of the one that runs."""
    if "prompt" not in query:
        return (), ""
    try:
        values = filled({**query, "prompt": query["prompt"][:MAX_PROMPT_CHARACTERS]})
    except ValueError as bad:
        return (), BAD_LINK.format(bad)
    made_on = query.get("checkpoint", checkpoint)
    return values, "" if made_on == checkpoint else ANOTHER.format(made_on[:20])


def _checked_guidance(text: str) -> float | None:
    return read_sampling(None, text, None, 0).guidance_scale and read_guidance(text)


def _known_method(text: str) -> str:
    Sampling().by(text)
    return text
