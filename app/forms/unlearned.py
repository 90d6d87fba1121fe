"""The question before a run whose prompt names things that the checkpoint never learned.

It is asked once, in the place of an error; the same prompt again is drawn as well as can be. Owns:
`Unlearned`. Does not own: what is known (`engine.prompt.unknown_things`).
"""

from collections import OrderedDict
from collections.abc import Sequence

import gradio as gr

from app.forms.parse import InputError
from engine.prompt.unknown_things import KnownThings, UnknownThing

PROGRAMS = ("api", "mcp")
"""Callers that have nobody to ask, as Gradio's header names them."""
MAX_ASKED = 1000
"""Visitors whose last question is remembered."""
NAMED = 3
AGAIN = "Ask again to have it drawn anyway."


class Unlearned:
    """known: None where every word may be asked for."""

    def __init__(self, known: KnownThings | None) -> None:
        self.known = known
        self._asked: OrderedDict[str, str] = OrderedDict()

    def ask(self, prompt: str, visitor: gr.Request) -> None:
        """Raises: InputError with what is unknown, the first time that a visitor asks for it."""
        if self.known is None or visitor.headers.get("x-gradio-user") in PROGRAMS:
            return
        unknown, owner = self.known.unknown(prompt), visitor.session_hash or ""
        if not unknown or self._asked.get(owner) == prompt:
            return
        self._asked[owner] = prompt
        while len(self._asked) > MAX_ASKED:
            self._asked.popitem(last=False)
        raise InputError(sentence(unknown), "prompt")


def sentence(unknown: Sequence[UnknownThing], advice: str = AGAIN) -> str:
    """Say what is unknown, what is nearest, and what to do."""
    words = _listed([f"“{thing.word}”" for thing in unknown[:NAMED]])
    nearest = dict.fromkeys(name for thing in unknown[:NAMED] for name in thing.nearest)
    offered = f" Nearest: {', '.join(nearest)}." if nearest else ""
    return f"I never learned {words}.{offered} {advice}"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
