"""The Speech tab: talk to the model and hear it answer; or upload a recording, or type."""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import numpy as np

from app.chat import history as chat_history
from app.chat.history import History
from app.chat.settings import AnswerForm, Setting
from app.components import conversation, microphone
from app.forms.example_prompts import SPOKEN, VOICES
from app.forms.parse import InputError, beside, read_recording
from app.tabs.conversation_tab import QUIET, ConversationTab
from engine.api.conversation import Part
from engine.api.request import Modality

LONGEST_TURN_S = 60
DEAF = (
    "<p class='omni-lead'>This checkpoint neither hears nor speaks{why}. Everything here works as "
    "soon as one that does is loaded: start the page with "
    "<code>python app.py --model FOLDER</code>.</p>"
)
WELCOME = {
    "title": "Hold the button and say something",
    "text": "What you say is written down, answered, and spoken, block by block out of noise. "
    "Speak again and it falls silent. Without a microphone, send a voice that it has never heard "
    "(▶).",
    "chips": (*SPOKEN, *VOICES),
}
ASK_FOR_SOUND = ("say ", "say: ", "read this aloud", "the sound of ", "make the sound of ")
PACK = Path(__file__).resolve().parents[2] / "assets/speech"


@dataclass
class SpeechTab(ConversationTab):
    """The tab's controls, and what happens when they are pressed."""

    name: str = "speech"
    api: str = "say"

    def build(self) -> None:
        """Lay out the controls inside the current Blocks and wire them."""
        with gr.Column(elem_classes="omni-chat"):
            if not self.speaks:
                said = DEAF.format(
                    why=self.session.capabilities.missing_reason(Modality.AUDIO, " yet")
                )
                gr.HTML(said, elem_id="speech-deaf", apply_default_css=False)
                return
            view = conversation(self._welcome(()), self.name)
            mic = microphone("speech-microphone")
            self.notes()
            with gr.Row(elem_classes="omni-typed"):
                typed = gr.Textbox(
                    show_label=False,
                    label="Type instead",
                    placeholder="… or type",
                    max_lines=1,
                    elem_id="speech-typed",
                )
                upload = gr.UploadButton(
                    "Upload a recording", file_types=["audio", "video"], elem_id="speech-upload"
                )
            with gr.Row(elem_classes="omni-buttons omni-quiet"):
                self.buttons()
            with gr.Accordion("Settings", open=False, elem_classes="omni-accordion"):
                self.settings(aloud=True)
            self.settings_note()
        self.states()
        self.wire(view, typed)
        inputs = [*self.context, *self.form]
        private = {**self.begins, "api_visibility": "private"}
        mic.spoken(self.spoken, inputs, **private)
        mic.hush(self.halt, self.ticket, typed, **QUIET, api_visibility="private")
        view.press(self.pressed, inputs, **private)
        typed.submit(self.typed, [*self.context, typed, *self.form], **self.begins, api_name="say")
        upload.upload(
            self.uploaded, [*self.context, upload, *self.form], **self.begins, api_name="hear"
        )

    def ready(self, possible: bool) -> dict[str, object]:
        """Typing is possible at any time; sending while an answer forms is refused kindly."""
        return gr.update()

    def as_value(self, history: History, messages: object = ()) -> dict[str, object]:
        """Return the value with this tab's own welcome."""
        return self._welcome(history, messages)

    def spoken(
        self,
        ticket: str,
        history: History,
        press: gr.EventData,
        visitor: gr.Request,
        *settings: Setting,
    ) -> tuple[object, ...]:
        """The microphone's samples: 16-bit integers as base64."""
        return self._heard(ticket, history, lambda: samples_of(press._data), settings, visitor)

    def uploaded(
        self, ticket: str, history: History, path: str, visitor: gr.Request, *settings: Setting
    ) -> tuple[object, ...]:
        """A recording from a file."""
        return self._heard(ticket, history, lambda: read_recording(path), settings, visitor)

    def typed(
        self, ticket: str, history: History, text: str, visitor: gr.Request, *settings: Setting
    ) -> tuple[object, ...]:
        """Words instead of a voice."""
        try:
            self.session.refuse_if_busy(ticket)
        except InputError as bad:
            return self.refused(bad)
        asked = chat_history.with_message(history, text.strip())
        return self.begin(asked, AnswerForm(*settings), visitor)

    def kind_of(self, history: History) -> Modality | None:
        """Sound, where the words begin by asking for one: the model opens most sounds by itself,
        but a sentence of small talk it answers instead of saying it. One that opens nothing by
        itself would say these words, too: it answers, and its answer is spoken."""
        words = (history[-1].parts[-1].text or "").lower()
        asks = self.session.capabilities.opens_media and words.startswith(ASK_FOR_SOUND)
        return Modality.AUDIO if asks else None

    def pressed(
        self,
        ticket: str,
        history: History,
        press: gr.EventData,
        visitor: gr.Request,
        *settings: Setting,
    ) -> tuple[object, ...]:
        """A suggestion was pressed: words, or a recording."""
        text = str(press._data["text"])
        if text in VOICES:
            file = PACK / f"{VOICES[text]}.opus"
            return self._heard(ticket, history, lambda: read_recording(file), settings, visitor)
        return self.typed(ticket, history, text, visitor, *settings)

    def _heard(
        self,
        ticket: str,
        history: History,
        read: Callable[[], np.ndarray],
        settings: tuple[Setting, ...],
        visitor: gr.Request,
    ) -> tuple[object, ...]:
        try:
            self.session.refuse_if_busy(ticket)
            with beside("prompt"):
                samples = read()
        except InputError as bad:
            return self.refused(bad)
        asked = chat_history.with_message(history, "", Part(audio=samples))
        return self.begin(asked, AnswerForm(*settings), visitor)

    def _welcome(self, history: History, messages: object = ()) -> dict[str, object]:
        return {**chat_history.as_value(history, messages), "welcome": WELCOME}


def samples_of(data: object) -> np.ndarray:
    """Return the microphone's samples. Raises: ValueError where it is broken, silent or too
    long."""
    sent = data.get("pcm") if isinstance(data, dict) else None
    try:
        content = b64decode(str(sent), validate=True)
    except NotBase64 as error:
        raise ValueError("the recording is broken: please record it again") from error
    if len(content) > 2 * 16_000 * LONGEST_TURN_S:
        raise ValueError(f"say it in less than {LONGEST_TURN_S} s, or upload a recording")
    return read_recording(content)
