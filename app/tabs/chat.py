"""The Chat tab: words and pictures both ways, every answer forming inside the conversation."""

from collections.abc import Iterator
from dataclasses import dataclass

import gradio as gr

from app import talk
from app.examples import ABOUT_A_PICTURE
from app.forms import BadInput, beside, new_seed, read_sampling, read_seed, read_upload
from app.live_view import conversation, notice
from app.notices import notices
from app.session import MODEL_SLOT, Session
from app.talk import History
from engine.request import Request

STEPS = ("auto", "8", "16", "32", "64")
GUIDANCE = ("auto", "0", "2", "3", "5")


@dataclass
class ChatTab:
    """The tab's controls, and what happens when they are pressed."""

    session: Session

    def build(self) -> None:
        """Lay out the controls inside the current Blocks and wire them."""
        with gr.Column(elem_classes="no-chat"):
            self.view = conversation(talk.as_value(()), "chat-talk")
            self.message = gr.MultimodalTextbox(
                show_label=False,
                label="Your message",
                placeholder="Ask something, drop in a picture, or begin with “draw …”",
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
        self.ticket = gr.State("")
        self._wire()

    def _settings(self) -> None:
        with gr.Row(elem_classes="no-pair"):
            self.steps = gr.Radio(STEPS, value="auto", label="Steps", elem_id="chat-steps")
            self.guidance = gr.Radio(GUIDANCE, value="auto", label="Picture guidance")
        with gr.Row(elem_classes="no-seed"):
            self.seed = gr.Textbox("0", label="Seed", max_lines=1, min_width=140, elem_id="chat-seed")
            self.keep_seed = gr.Checkbox(False, label="Same seed next time", container=False)

    def _wire(self) -> None:
        settings = [self.steps, self.guidance, self.seed, self.keep_seed]
        context = [self.ticket, self.history]
        begin = {
            "outputs": [*context, self.view, self.message, self.seed, self.prompt_notice]
            + [self.settings_notice],
            "queue": False,
            "show_progress": "hidden",
        }
        self.message.submit(
            self.ask, [*context, self.message, *settings], **begin, api_name="ask"
        )
        self.view.press(
            self.ask_pressed, [*context, *settings], **begin, api_visibility="private"
        )
        self.again.click(self.ask_again, [*context, *settings], **begin, api_name="ask_again")
        self.ticket.change(
            self.run,
            context,
            [self.history, self.view],
            **MODEL_SLOT,
            trigger_mode="multiple",
            show_progress="hidden",
            api_name="ask_run",
        ).then(self.finish, context, [self.history, self.view, self.message], queue=False,
               show_progress="hidden", api_visibility="private")  # fmt: skip
        self.message.stop(self.halt, self.ticket, self.message, queue=False, api_name="ask_stop")
        self.clear.click(
            self.forget,
            self.ticket,
            [self.history, self.view, self.message, self.prompt_notice, self.settings_notice],
            queue=False,
            show_progress="hidden",
            api_name="clear",
        )
        self.seed.input(lambda: True, None, self.keep_seed, queue=False, api_visibility="private")

    def ask(
        self,
        ticket: str,
        history: History,
        message: dict[str, object],
        steps: str,
        guidance: str,
        seed: str,
        keep_seed: bool,
        visitor: gr.Request,
    ) -> tuple[object, ...]:
        """A message was sent: check it, put it into the conversation and open the answer's run."""
        try:
            self.session.refuse_if_busy(ticket)
            text, picture = read_message(message)
        except BadInput as bad:
            return self._refused(bad)
        longer = talk.asked(history, text, picture)
        return self._open(longer, (steps, guidance, seed, keep_seed), visitor)

    def ask_pressed(
        self,
        ticket: str,
        history: History,
        steps: str,
        guidance: str,
        seed: str,
        keep_seed: bool,
        press: gr.EventData,
        visitor: gr.Request,
    ) -> tuple[object, ...]:
        """A suggestion was pressed: as if its words had been sent."""
        message = {"text": str(press._data["text"]), "files": []}
        return self.ask(ticket, history, message, steps, guidance, seed, keep_seed, visitor)

    def ask_again(
        self,
        ticket: str,
        history: History,
        steps: str,
        guidance: str,
        seed: str,
        keep_seed: bool,
        visitor: gr.Request,
    ) -> tuple[object, ...]:
        """Another answer to the last message."""
        try:
            self.session.refuse_if_busy(ticket)
            shorter = talk.without_last_answer(history)
            if not shorter:
                raise BadInput("There is nothing to answer again yet: write a message first.", "prompt")
        except BadInput as bad:
            return self._refused(bad)
        return self._open(shorter, (steps, guidance, seed, keep_seed), visitor)

    def _open(
        self, history: History, settings: tuple[str, str, str, bool], visitor: gr.Request
    ) -> tuple[object, ...]:
        steps, guidance, seed, keep_seed = settings
        seed = seed if keep_seed else str(new_seed())
        try:
            with beside("settings"):
                sampling = read_sampling(steps, guidance, None, read_seed(seed))
            with beside("prompt"):
                request = Request(talk.conversation(history), sampling=sampling)
        except BadInput as bad:
            return self._refused(bad)
        run = self.session.open(request, owner=visitor.session_hash or "")
        history = talk.opened(history, run.id)
        return (run.id, history, talk.as_value(history), writing(False), seed, *notices(None))

    def _refused(self, bad: BadInput) -> tuple[object, ...]:
        return (*(gr.skip(),) * 5, *notices(bad))

    def run(self, ticket: str, history: History) -> Iterator[tuple[object, object]]:
        """Drive the run; at its end the answer becomes part of the history."""
        drive = self.session.drive(ticket)
        for value in drive:
            shown = gr.skip() if value is None else talk.as_value(history, value["messages"])
            yield gr.skip(), shown
        history = talk.answered(history, ticket, drive.outcome)
        yield history, talk.as_value(history)

    def halt(self, ticket: str) -> object:
        """Stop within one step; the answer keeps what it has."""
        return gr.skip() if self.session.stop(ticket) else writing(True)

    def finish(self, ticket: str, history: History) -> tuple[object, ...]:
        """Whatever happened, the visitor can write again."""
        refusal = self.session.close(ticket)
        if refusal is not None:
            history = talk.answered(history, ticket, refusal)
        return history, talk.as_value(history), writing(True)

    def forget(self, ticket: str) -> tuple[object, ...]:
        """An empty conversation; what still forms is stopped."""
        self.session.stop(ticket)
        return (), talk.as_value(()), writing(True), *notices(None)


def read_message(message: dict[str, object]) -> tuple[str, "talk.np.ndarray | None"]:
    """The words and the picture of a message. Raises: BadInput."""
    files = message.get("files") or []
    assert isinstance(files, list)
    with beside("prompt"):
        picture = read_upload(str(files[0])) if files else None
    text = str(message.get("text") or "").strip()
    return (text or ABOUT_A_PICTURE if files else text), picture


def writing(possible: bool) -> object:
    """The message box: ready for a new message, or empty and with a Stop button."""
    if possible:
        return gr.update(submit_btn=True, stop_btn=False)
    return gr.update(value=None, submit_btn=False, stop_btn=True)
