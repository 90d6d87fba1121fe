"""One run for a program: opened in the page's line, driven to its end, and answered with a file or
with words.

Owns: `ToolRun`, and which files a program may name. Does not own: the tools (`app.agents.tools`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
from gradio.data_classes import FileData
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder, is_in_or_equal

from app.forms.parse import as_sentence
from app.forms.unlearned import sentence
from app.forms.visitor import opened_by
from app.session import Session
from app.stream.message import Message
from engine.api.request import Request

ENDINGS = {"image/png": "png", "audio/wav": "wav", "video/mp4": "mp4"}
NO_FILE = "there is no such file here: upload it first, or give its address"
NOTHING = "nothing was made: ask in other words"
ANYWAY = "Nothing was made: with anyway=true it is made as well as can be."


@dataclass(frozen=True)
class ToolRun:
    """visitor: the program's call."""

    session: Session
    visitor: gr.Request

    def refuse_unknown(self, prompt: str, *, anyway: bool) -> None:
        """Raises: ValueError where the prompt names things that the model never learned."""
        known = self.session.unlearned.known
        unknown = () if known is None or anyway else known.unknown(prompt)
        if unknown:
            raise ValueError(sentence(unknown, ANYWAY))

    def file(self, request: Request) -> FileData:
        """Return what was made, as a file that the caller can fetch. Raises: ValueError."""
        end = self._end(request)
        made = next((m for name, m in end.media.items() if name.startswith("answer_")), None)
        if made is None:
            raise ValueError(_words(end) or NOTHING)
        name = f"{request.to}.{ENDINGS[made.content_type]}"
        path = save_bytes_to_cache(made.content, name, get_upload_folder())
        return FileData(path=path, orig_name=name, mime_type=made.content_type)

    def words(self, request: Request) -> str:
        """Return the answer's words. Raises: ValueError."""
        return _words(self._end(request))

    def _end(self, request: Request) -> Message:
        characters = self.session.capabilities.prompt_characters
        run = self.session.open(request.within(characters), **opened_by(self.visitor))
        for _ in self.session.drive(run.control_id):
            pass
        if run.ending is None:
            raise ValueError(run.failure or NOTHING)
        return run.ending


@contextmanager
def as_errors() -> Iterator[None]:
    """A ValueError in here reaches the caller as a sentence."""
    try:
        yield
    except ValueError as bad:
        raise gr.Error(as_sentence(str(bad)), print_exception=False) from bad


def uploaded(given: object) -> Path:
    """Return the path of a file that the caller has sent. Raises: ValueError where it names any
    other."""
    name = given.get("path") if isinstance(given, dict) else None
    path = Path(str(name))
    if not name or not is_in_or_equal(path, get_upload_folder()) or not path.is_file():
        raise ValueError(NO_FILE)
    return path


def _words(end: Message) -> str:
    answers = end.header["answers"]
    assert isinstance(answers, list)
    return " ".join(a["text"] for a in answers if a["text"] and not a["heard"])
