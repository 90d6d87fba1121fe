"""The Gallery tab: find anything with anything, wander on a map, keep what was made.

Owns: the tab's one component, and what leads from it into other tabs. Does not own: what it asks
while somebody looks around (`app.gallery.routes`), how that looks (`static/gallery/`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.processing_utils import save_file_to_cache

from app.admission.origins import is_local_request
from app.components import MOUNT
from app.forms.example_prompts import FINDS
from app.forms.parse import as_sentence
from app.gallery.local_folder import NOT_HERE, add_with_progress, read_folder
from app.scripts import call, mount
from app.session import Session
from engine.api.errors import DeviceError
from engine.api.request import Modality
from retrieval.index import Where
from retrieval.item import Item

WANTED = {Modality.IMAGE: "image", Modality.VIDEO: "video", Modality.AUDIO: "speech"}
"""The tab that makes such an item."""
HOW = (
    "To find what is in a folder of yours, start the page on your own machine; or index the folder "
    "with <code>python -m retrieval add FOLDER --gallery DIR</code> and start the page with "
    "<code>--gallery DIR</code>."
)
NO_MEANING = "This checkpoint was not trained to find things, so that it takes in no folder."
STAYS = (
    "Pictures, sounds, films and texts. They stay where they are; what is known is not read again."
)
SPEECH = "speech"
"""The kind of a recording in which something is said."""


@dataclass
class GalleryTab:
    """See the module's docstring."""

    session: Session

    def build(self) -> None:
        """Lay out the tab inside the current Blocks."""
        self.view = gr.HTML(
            self._opening(""),
            html_template=MOUNT,
            js_on_load=mount("mountGallery", "props, trigger, watch", "send", "again"),
            elem_id="gallery",
            apply_default_css=False,
        )
        self._own_folder()

    def _own_folder(self) -> None:
        """A folded box in which the owner adds a folder, or the sentence how that is done."""
        with gr.Accordion("Your own folder", open=False, elem_classes="omni-accordion"):
            if not self.session.library.takes_folders:
                told = HOW if self.session.library.finds else NO_MEANING
                gr.HTML(f"<p>{told}</p>", elem_id="gallery-own-how", apply_default_css=False)
                return
            with gr.Row(elem_classes="omni-typed"):
                path = gr.Textbox(
                    label="Folder on this machine",
                    placeholder="~/Pictures",
                    info=STAYS,
                    max_lines=1,
                    elem_id="gallery-own-path",
                )
                button = gr.Button("Add", size="sm", elem_id="gallery-own-add")
            report = gr.HTML("", elem_id="gallery-own-report", apply_default_css=False)
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        for begins in (button.click, path.submit):
            begins(self.add_folder, path, report, **quiet).then(
                None, None, None, js="() => document.dispatchEvent(new Event('omni-kept'))"
            )

    def add_folder(self, path: str, visitor: gr.Request) -> Iterator[str]:
        """Yield the progress, then the report or an error sentence."""
        client = visitor.client
        try:
            local = is_local_request(visitor.headers, "" if client is None else client.host)
            if not local or self.session.origins.exposed:
                raise ValueError(NOT_HERE)
            yield from add_with_progress(self.session.library, read_folder(path))
        except (ValueError, DeviceError) as error:
            yield f"<p role='alert'>{escape(as_sentence(str(error)))}</p>"

    def wire(self, page: gr.Blocks, box: Component, prompts: Mapping[str, Component]) -> None:
        """box: of the Chat tab's messages. prompts: what to write into of the tabs that make
        something, by their ids."""
        private = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        name = gr.Textbox(visible="hidden", label="visitor")
        page.load(self._greet, None, [self.view, name], **private).then(
            None, name, None, js=f"(name) => {call('greet', 'name')}", api_visibility="private"
        )
        self.box = box
        self.prompts = dict(prompts)
        self.view.send(self.send, None, box, **private)
        self.view.again(self.again, None, [*self.prompts.values()], **private)

    def send(self, press: gr.EventData, visitor: gr.Request) -> dict[str, object]:
        """The item becomes a message that is not sent yet."""
        item, path = self._found(press, visitor)
        message: dict[str, object] = {"text": item.text if path is None else "", "files": []}
        if path is not None and path.is_file():
            message["files"] = [save_file_to_cache(path, self.box.GRADIO_CACHE)]
        return message

    def again(self, press: gr.EventData, visitor: gr.Request) -> tuple[object, ...]:
        """The words of an item become the prompt of the tab that makes such things."""
        item, _ = self._found(press, visitor)
        tab = WANTED.get(item.modality)
        return tuple(wish(item) if name == tab else gr.skip() for name in self.prompts)

    def _found(self, press: gr.EventData, visitor: gr.Request) -> tuple[Item, Path | None]:
        name = self.session.library.visitors.name(visitor.session_hash or "")
        viewer = Where(viewer=name)
        try:
            return self.session.library.together.find(str(press._data["item"]), viewer)
        except ValueError as error:
            raise gr.Error(f"{error}.") from error

    def _greet(self, visitor: gr.Request) -> tuple[object, ...]:
        """Tell a visitor their name: the component, and the scripts of tabs beside it."""
        name = self.session.library.visitors.greet(visitor.session_hash or "")
        return (self._opening(name), name) if name else (gr.skip(), gr.skip())

    def _opening(self, viewer: str) -> dict[str, object]:
        """viewer: by which the script says who asks."""
        library = self.session.library
        can = self.session.capabilities.makes
        makes = {str(m): tab for m, tab in WANTED.items() if m in can}
        files = {item.file: i for i, item in library.shipped.items.items() if item.file}
        examples = [
            {"words": words, "item": files.get(file)}
            for words, file in FINDS
            if not file or (file in files and library.finds)
        ]
        return {
            "viewer": viewer,
            "finds": library.finds,
            "makes": makes,
            "examples": examples,
            "num": len(files),
        }


def wish(item: Item) -> str:
    """The prompt that asks for something like an item."""
    words = item.caption or item.text
    return f"say {words}" if item.kind == SPEECH else words
