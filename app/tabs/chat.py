"""The Chat tab: words, pictures and sound in, words, pictures and speech out, every answer forming
inside the conversation."""

from dataclasses import dataclass
from typing import Any, Literal

import gradio as gr

from app.chat import history as chat_history
from app.chat.attachments import read_message
from app.chat.history import History
from app.chat.save_load import read_conversation, to_text
from app.chat.settings import AFTER_WORDS, AUTO, FIRST_WORDS, AnswerForm, Setting, choices
from app.components import conversation
from app.forms.errors import notices
from app.forms.parse import InputError, beside
from app.scripts import call
from app.tabs.conversation_tab import QUIET, ConversationTab
from engine.api.conversation import Part
from engine.api.insertion import MAX_WORDS

FILE_NAME = "conversation.json"
SAVE = f"(text) => {call('saveText', f'text, {FILE_NAME!r}')}"
"""JavaScript that hands a text to the visitor as a file."""
THINKING = "or begin a single message with \\think"
NO_FILES = "This checkpoint knows words alone: write what you want to say."
NO_THINKING = "this checkpoint does not think before it answers yet"


@dataclass
class ChatTab(ConversationTab):
    """The tab's controls, and what happens when they are pressed."""

    name: str = "chat"
    api: str = "ask"
    example: dict[str, object] | None = None
    """A recorded answer that plays below the welcome."""

    def build(self) -> None:
        """Lay out the controls inside the current Blocks and wire them."""
        with gr.Column(elem_classes="omni-chat"):
            opening = {**self.as_value(()), "example": self.example}
            view = conversation(opening, self.name)
            box = gr.MultimodalTextbox(
                show_label=False,
                label="Your message",
                placeholder=self._placeholder(),
                sources=self._sources(),
                file_types=self._file_types() or None,
                file_count="multiple",
                elem_id="chat-message",
            )
            self.notes()
            self._answer_with()
            with gr.Row(elem_classes="omni-buttons omni-quiet"):
                self.buttons()
                save = gr.Button("Save", size="sm", elem_id="chat-save")
                saved = gr.UploadButton(
                    "Open a saved one", size="sm", file_types=[".json"], elem_id="chat-open"
                )
            with gr.Accordion("Settings", open=False, elem_classes="omni-accordion"):
                self.settings(aloud=False)
            self.settings_note()
        self.states()
        self.wire(view, box)
        box.submit(self.ask, [*self.context, box, *self.form], **self.begins, api_name="ask")
        pressed = {**self.begins, "api_visibility": "private"}
        view.press(self.ask_pressed, [*self.context, *self.form], **pressed)
        box.stop(self.halt, self.ticket, box, **QUIET, api_name="ask_stop")
        text = gr.Textbox(visible="hidden", label="saved conversation")
        save.click(to_text, self.history, text, **QUIET, api_visibility="private").then(
            None, text, None, js=SAVE
        )
        saved.upload(
            self.reopen,
            [*self.context, saved],
            [self.history, view, self.prompt_notice, self.settings_notice],
            **QUIET,
            api_visibility="private",
        )

    def _answer_with(self) -> None:
        """Lay out the choice of the answer's kind, beside the message."""
        with gr.Row(elem_classes="omni-answer-with"):
            self.kind = gr.Dropdown(
                choices(self.session.capabilities.makes),
                value=AUTO,
                label="Answer with",
                elem_id="chat-answer-with",
            )
            self.words = gr.Number(
                FIRST_WORDS,
                label="Words before the picture",
                precision=0,
                minimum=0,
                maximum=MAX_WORDS,
                visible=False,
                elem_id="chat-words-before",
            )
            self.think = gr.Checkbox(
                False,
                label="Think first",
                info=THINKING if self.thinks else NO_THINKING,
                interactive=self.thinks,
                elem_id="chat-think",
            )
        self.kind.change(_words_wanted, self.kind, self.words, **QUIET, api_visibility="private")

    @property
    def form(self) -> list[Any]:
        """The settings, with the answer's kind."""
        return [*super().form, self.think, self.kind, self.words]

    def as_value(self, history: History, messages: object = ()) -> dict[str, object]:
        """Return the value with a welcome that fits the checkpoint."""
        value = super().as_value(history, messages)
        opens = self.session.capabilities.makes_images and self.session.capabilities.opens_media
        return value if opens else {**value, "welcome": chat_history.WELCOME_TO_WORDS}

    def reopen(self, ticket: str, history: History, path: str) -> tuple[object, ...]:
        """A saved conversation takes the place of this one; one that is none changes nothing."""
        try:
            self.session.refuse_if_busy(ticket)
            with beside("prompt"):
                history = read_conversation(path, self.session.capabilities.prompt_characters)
        except InputError as bad:
            return (gr.skip(), gr.skip(), *notices(bad))
        return (history, self.as_value(history), *notices(None))

    def _placeholder(self) -> str:
        names = {"image": "a picture", "audio": "sound", "video": "film"}
        known = [names[kind] for kind in self._file_types()]
        if not known:
            return "Ask something"
        *others, last = known
        dropped = f"{', '.join(others)} or {last}" if others else last
        opens = self.session.capabilities.makes_images and self.session.capabilities.opens_media
        return f"Ask, drop in {dropped}" + (", or “draw …”" if opens else "")

    def _file_types(self) -> list[str]:
        kinds = {
            "image": self.session.capabilities.makes_images,
            "audio": self.speaks,
            "video": self.watches,
        }
        return [kind for kind, known in kinds.items() if known]

    def _sources(self) -> list[Literal["upload", "microphone"]]:
        sources: list[Literal["upload", "microphone"]] = ["upload"] if self._file_types() else []
        return [*sources, "microphone"] if self.speaks else sources

    def ready(self, possible: bool) -> dict[str, object]:
        """The message box: ready to send, or with a Stop button."""
        return gr.update(submit_btn=possible, stop_btn=False if possible else "Stop")

    def ask(
        self,
        ticket: str,
        history: History,
        message: dict[str, object],
        visitor: gr.Request,
        *settings: Setting,
    ) -> tuple[object, ...]:
        """A message was sent: check it, put it into the conversation and open the answer's run."""
        try:
            self.session.refuse_if_busy(ticket)
            text, media = self._read(message)
        except InputError as bad:
            return self.refused(bad)
        return self.begin(
            chat_history.with_message(history, text, *media), AnswerForm(*settings), visitor
        )

    def _read(self, message: dict[str, object]) -> tuple[str, tuple[Part, ...]]:
        """Return its words and its media. Raises: InputError."""
        if message.get("files") and not self._file_types():
            raise InputError(NO_FILES, "prompt")
        together = self.session.capabilities.joins_media
        return read_message(message, films=self.watches, hears=self.speaks, together=together)

    def ask_pressed(
        self,
        ticket: str,
        history: History,
        press: gr.EventData,
        visitor: gr.Request,
        *settings: Setting,
    ) -> tuple[object, ...]:
        """A suggestion was pressed: as if its words had been sent."""
        message: dict[str, object] = {"text": str(press._data["text"]), "files": []}
        return self.ask(ticket, history, message, visitor, *settings)


def _words_wanted(kind: str) -> dict[str, object]:
    return gr.update(visible=kind == AFTER_WORDS)
