"""The Chat tab: words and pictures both ways, every answer forming inside the conversation."""

from collections.abc import Iterator
from dataclasses import dataclass

import gradio as gr
import numpy as np

from app import talk
from app.examples import ABOUT_A_PICTURE
from app.forms import InputError, beside, next_seed, read_sampling, read_seed, read_upload
from app.host import DRIVING, Host
from app.live_view import conversation, notice
from app.notices import notices
from app.talk import History
from engine.request import Request

STEPS = ("auto", "8", "16", "32", "64")
Setting = str | bool
"""Steps, guidance, the seed, the seed that the page last drew, and whether to keep it."""
NOTHING_YET = "There is nothing to answer again yet: write a message first."
GUIDANCE = ("auto", "0", "2", "3", "5")


@dataclass
class ChatTab:
    """The tab's controls, and what happens when they are pressed."""

    host: Host
    example: dict[str, object] | None = None
    """A recorded answer that plays below the welcome."""

    def build(self) -> None:
        """Lay out the controls inside the current Blocks and wire them."""
        with gr.Column(elem_classes="no-chat"):
            opening = {**talk.as_value(()), "example": self.example}
            self.view = conversation(opening, "chat-talk")
            self.message = gr.MultimodalTextbox(
                show_label=False,
                label="Your message",
                placeholder="Ask, drop in a picture, or “draw …”",
                sources=["upload"],
                file_types=["image"],
                file_count="single",
                elem_id="chat-message",
            )
            self.prompt_notice = notice("chat-prompt-notice")
            with gr.Row(elem_classes="no-buttons no-quiet"):
                self.again = gr.Button("Answer again", size="sm", elem_id="chat-again")
                self.clear = gr.Button("New conversation", size="sm", elem_id="chat-clear")
            with gr.Accordion("Settings", open=False, elem_classes="no-accordion"):
                self._settings()
            self.settings_notice = notice("chat-settings-notice")
        self.history: gr.State = gr.State(())
        self.ticket = gr.Textbox(visible="hidden", label="run")
        self.shown_seed = gr.State("0")
        self._wire()

    def _settings(self) -> None:
        with gr.Row(elem_classes="no-pair"):
            self.steps = gr.Radio(STEPS, value="auto", label="Steps", elem_id="chat-steps")
            self.guidance = gr.Radio(GUIDANCE, value="auto", label="Picture guidance")
        with gr.Row(elem_classes="no-seed"):
            self.seed = gr.Textbox("0", label="Seed", max_lines=1, elem_id="chat-seed")
            self.keep_seed = gr.Checkbox(False, label="Same seed next time", container=False)

    def _wire(self) -> None:
        settings = [self.steps, self.guidance, self.seed, self.shown_seed, self.keep_seed]
        context = [self.ticket, self.history]
        notes = [self.prompt_notice, self.settings_notice]
        begin = {
            "outputs": [*context, self.view, self.message, self.seed, self.shown_seed, *notes],
            "queue": False,
            "show_progress": "hidden",
        }
        self.message.submit(self.ask, [*context, self.message, *settings], **begin, api_name="ask")
        self.view.press(self.ask_pressed, [*context, *settings], **begin, api_visibility="private")
        self.again.click(self.ask_again, [*context, *settings], **begin, api_name="ask_again")
        driven = self.ticket.change(
            self.run,
            context,
            [self.history, self.view],
            **DRIVING,
            api_name="ask_run",
        )
        over = {
            "inputs": context,
            "outputs": [self.history, self.view, self.message],
            "queue": False,
            "show_progress": "hidden",
            "api_visibility": "private",
        }
        driven.success(self.finish, **over)
        driven.failure(self.give_up, **over)
        self.message.stop(self.halt, self.ticket, self.message, queue=False, api_name="ask_stop")
        self.clear.click(
            self.forget,
            self.ticket,
            [self.history, self.view, self.message, *notes],
            queue=False,
            show_progress="hidden",
            api_name="clear",
        )

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
            self.host.refuse_if_busy(ticket)
            text, picture = read_message(message)
        except InputError as bad:
            return self._refused(bad)
        return self._open(talk.asked(history, text, picture), settings, visitor)

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

    def ask_again(
        self, ticket: str, history: History, visitor: gr.Request, *settings: Setting
    ) -> tuple[object, ...]:
        """Another answer to the last message."""
        try:
            self.host.refuse_if_busy(ticket)
            shorter = talk.without_last_answer(history)
            if not shorter:
                raise InputError(NOTHING_YET, "prompt")
        except InputError as bad:
            return self._refused(bad)
        return self._open(shorter, settings, visitor)

    def _open(
        self, history: History, settings: tuple[Setting, ...], visitor: gr.Request
    ) -> tuple[object, ...]:
        steps, guidance, seed, shown_seed, keep_seed = settings
        seed = next_seed(str(seed), str(shown_seed), bool(keep_seed))
        try:
            with beside("settings"):
                sampling = read_sampling(steps, guidance, None, read_seed(seed))
            with beside("prompt"):
                request = Request(talk.conversation(history), sampling=sampling)
        except InputError as bad:
            return self._refused(bad)
        run = self.host.open(request, owner=visitor.session_hash or "")
        history = talk.opened(history, run.id)
        empty = {**writing(False), "value": None}
        return (run.id, history, talk.as_value(history), empty, seed, seed, *notices(None))

    def _refused(self, bad: InputError) -> tuple[object, ...]:
        return (*(gr.skip(),) * 6, *notices(bad))

    def run(self, ticket: str, history: History) -> Iterator[tuple[object, object]]:
        """Drive the run; at its end the answer becomes part of the history."""
        drive = self.host.drive(ticket)
        for value in drive:
            shown = gr.skip() if value is None else talk.as_value(history, value["messages"])
            yield gr.skip(), shown
        if drive.forgotten:
            return
        history = talk.answered(history, ticket, drive.outcome)
        yield history, talk.as_value(history)

    def halt(self, ticket: str) -> object:
        """Stop within one step; the answer keeps what it has."""
        self.host.stop(ticket)
        return writing(not self.host.busy(ticket))

    def finish(self, ticket: str, history: History) -> tuple[object, ...]:
        """The visitor can write again when the run is over; a run without an answer says why."""
        history = talk.refused(history, ticket, self.host.failure(ticket))
        return history, talk.as_value(history), writing(not self.host.busy(ticket))

    def give_up(self, ticket: str, history: History) -> tuple[object, ...]:
        """The run's event failed or was never let in."""
        self.host.close(ticket)
        return self.finish(ticket, history)

    def forget(self, ticket: str) -> tuple[object, ...]:
        """An empty conversation; what still forms is stopped."""
        self.host.forget(ticket)
        return (), talk.as_value(()), writing(True), *notices(None)


def read_message(message: dict[str, object]) -> tuple[str, np.ndarray | None]:
    """The words and the picture of a message. Raises: InputError."""
    files = message.get("files") or []
    assert isinstance(files, list)
    with beside("prompt"):
        picture = read_upload(str(files[0])) if files else None
    text = str(message.get("text") or "").strip()
    return (text or ABOUT_A_PICTURE if files else text), picture


def writing(possible: bool) -> dict[str, object]:
    """The message box: ready to send, or with a Stop button."""
    return gr.update(submit_btn=possible, stop_btn=False if possible else "Stop")
