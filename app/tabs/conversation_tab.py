"""A tab with a conversation: a message opens a run, the run's answer joins the history.

Owns: the events from a checked message to the end of its answer. Does not own: the controls and
what they read (`app.tabs.chat`, `app.tabs.speech`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from app.chat import history as chat_history
from app.chat.controls import NO_STYLE, AnswerControls
from app.chat.history import History
from app.chat.settings import AnswerForm, Setting
from app.components import notice
from app.forms.errors import notices
from app.forms.parse import InputError, beside
from app.forms.visitor import opened_by
from app.session import Session
from app.stream.run import watch_id
from engine.api.request import Modality, Request

NOTHING_YET = "There is nothing to answer again yet: write a message first."
NOTHING_LEFT = "There is nothing to undo: the conversation is empty."
NO_THOUGHTS = "This checkpoint does not think before it answers yet: leave \\think out."
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden"}
REFUSED = 6
"""Outputs that stay as they are where a message is refused."""


@dataclass
class ConversationTab:
    """The shared half of a tab. A tab lays out `view`, `message` and the settings, then calls
    `wire`."""

    session: Session
    name: str = ""
    """The part of the ids of its controls that is its own."""
    api: str = ""
    """The part of the names of its API endpoints that is its own."""

    def settings(self, *, aloud: bool) -> None:
        """Lay out the settings. aloud: whether answers are spoken unless the visitor says no."""
        self.controls = AnswerControls(self.session.capabilities, self.name)
        self.controls.build(speaks=self.speaks, aloud=aloud)

    def states(self) -> None:
        """Create the visitor's session state."""
        self.history: gr.State = gr.State(())
        self.ticket = gr.Textbox(visible="hidden", label="run")
        self.shown_seed = gr.State("0")

    def notes(self) -> None:
        """Lay out the place of errors beside the message."""
        self.prompt_notice = notice(f"{self.name}-prompt-notice")

    def settings_note(self) -> None:
        """Lay out the place of errors beside the settings, visible while these are folded."""
        self.settings_notice = notice(f"{self.name}-settings-notice")

    @property
    def speaks(self) -> bool:
        """Return whether the checkpoint has sound."""
        return bool(self.session.engine.info().get("hears_s"))

    @property
    def thinks(self) -> bool:
        """Return whether the checkpoint can think before it answers."""
        return bool(self.session.engine.info().get("thinks"))

    @property
    def watches(self) -> bool:
        """Return whether a message may hold a film."""
        return self.session.capabilities.sees_video

    @property
    def context(self) -> list[Any]:
        """The inputs of every event."""
        return [self.ticket, self.history]

    @property
    def form(self) -> list[Any]:
        """The settings, in the order of `AnswerForm`."""
        return self.controls.values(self.shown_seed)

    @property
    def begins(self) -> dict[str, Any]:
        """Gradio's arguments of an event that sends a message: outputs as of `begin`."""
        shown = [self.view, self.message, self.controls.seed, self.shown_seed]
        noted = [self.prompt_notice, self.settings_notice]
        return {"outputs": [*self.context, *shown, *noted], **QUIET}

    def buttons(self) -> None:
        """Lay out what can be done with the whole conversation."""
        self.once_more = gr.Button("Answer again", size="sm", elem_id=f"{self.name}-again")
        self.back = gr.Button("Undo", size="sm", elem_id=f"{self.name}-undo")
        self.clear = gr.Button("New conversation", size="sm", elem_id=f"{self.name}-clear")

    def wire(self, view: gr.HTML, message: Component) -> None:
        """Connect the events of a run and of the conversation's buttons."""
        self.view, self.message = view, message
        self._wire_run()
        noted = [self.prompt_notice, self.settings_notice]
        shorter = {"outputs": [self.history, view, *noted], "api_visibility": "private", **QUIET}
        inputs, private = [*self.context, *self.form], {"api_visibility": "private"}
        again = {**self.begins, "api_name": f"{self.api}_again"}
        self.once_more.click(self.again, inputs, **again)
        view.again(self.again, inputs, **self.begins, **private)
        view.rewrite(self.rewrite, inputs, **self.begins, **private)
        view.remove(self.remove, self.context, **shorter)
        self.back.click(self.undo, self.context, **shorter)
        self.clear.click(
            self.forget,
            self.ticket,
            [self.history, view, message, *noted],
            **QUIET,
            api_name=f"{self.api}_clear",
        )

    def _wire_run(self) -> None:
        view, message = self.view, self.message
        run = f"{self.api}_run"
        driven = self.ticket.change(
            self.run, self.context, [self.history, view], **self.session.driving, api_name=run
        )
        over = {
            "inputs": self.context,
            "outputs": [self.history, view, message],
            "api_visibility": "private",
            **QUIET,
        }
        driven.success(self.finish, **over)
        driven.failure(self.give_up, **over)

    def ready(self, possible: bool) -> dict[str, object]:
        """The control for messages while one can be written, and while one is answered."""
        raise NotImplementedError

    def as_value(self, history: History, messages: object = ()) -> dict[str, object]:
        """Return the value of the conversation's component."""
        return chat_history.as_value(
            history, messages, whole=self.session.capabilities.reads_all_turns
        )

    def begin(
        self, history: History, form: AnswerForm, visitor: gr.Request, *, draft: bool = False
    ) -> tuple[object, ...]:
        """Open the run of the answer to the history's last message. draft: whether what stands in
        the message's control stays there."""
        form = form.with_next_seed()
        try:
            request = self._request(history, form)
            run = self.session.open(request, **opened_by(visitor))
        except InputError as bad:
            return self.refused(bad)
        seed = form.seed
        history = chat_history.with_open_answer(history, run.id)
        left = self.ready(False) if draft else {**self.ready(False), "value": None}
        return (run.control_id, history, self.as_value(history), left, seed, seed, *notices(None))

    def _request(self, history: History, form: AnswerForm) -> Request:
        """Raises: InputError where the message or a setting asks for what cannot be."""
        with beside("settings"):
            sampling = form.sampling()
            to, pin = form.kind()
        think = bool(form.think) or history[-1].think
        if think and not self.thinks:
            raise InputError(NO_THOUGHTS, "prompt")
        aloud = bool(form.aloud) and self.speaks
        style = str(form.style or NO_STYLE) or None
        with beside("prompt"):
            asked = chat_history.conversation(history)
            to = self.kind_of(history) or to
            how = {"aloud": aloud, "think": think, "style": style}
            request = Request(asked, to, sampling, pin=pin, **how)
            return request.within(self.session.capabilities.prompt_characters)

    def again(
        self, ticket: str, history: History, visitor: gr.Request, *settings: Setting
    ) -> tuple[object, ...]:
        """Another answer to the last message: the same settings, the next seed."""
        try:
            self.session.refuse_if_busy(ticket)
            shorter = chat_history.without_last_answer(history)
            if not shorter:
                raise InputError(NOTHING_YET, "prompt")
            with beside("settings"):
                form = AnswerForm(*settings).again()
        except InputError as bad:
            return self.refused(bad)
        return self.begin(shorter, form, visitor, draft=True)

    def rewrite(
        self,
        ticket: str,
        history: History,
        press: gr.EventData,
        visitor: gr.Request,
        *settings: Setting,
    ) -> tuple[object, ...]:
        """A message was written anew: it is answered, and what came after it goes."""
        try:
            self.session.refuse_if_busy(ticket)
            with beside("prompt"):
                turn, text = str(press._data["turn"]), str(press._data["text"])
                history = chat_history.with_edit(history, turn, text)
        except InputError as bad:
            return self.refused(bad)
        return self.begin(history, AnswerForm(*settings), visitor, draft=True)

    def remove(self, ticket: str, history: History, press: gr.EventData) -> tuple[object, ...]:
        """A message goes, with its answer."""
        return self._shorter(
            ticket, lambda: chat_history.without(history, str(press._data["turn"]))
        )

    def undo(self, ticket: str, history: History) -> tuple[object, ...]:
        """The last message goes, with its answer."""
        if not history:
            return (gr.skip(), gr.skip(), *notices(InputError(NOTHING_LEFT, "prompt")))
        return self._shorter(ticket, lambda: chat_history.without_last_exchange(history))

    def _shorter(self, ticket: str, cut: Callable[[], History]) -> tuple[object, ...]:
        """A conversation of which something is gone; nothing goes while an answer forms."""
        try:
            self.session.refuse_if_busy(ticket)
            with beside("prompt"):
                history = cut()
        except InputError as bad:
            return (gr.skip(), gr.skip(), *notices(bad))
        return (history, self.as_value(history), *notices(None))

    def kind_of(self, history: History) -> Modality | None:
        """Return the kind of answer that the last message asks for; None lets the model decide."""
        return None

    def refused(self, bad: InputError) -> tuple[object, ...]:
        """The sentence, and nothing else changes."""
        return (*(gr.skip(),) * REFUSED, *notices(bad))

    def run(
        self, ticket: str, history: History, visitor: gr.Request
    ) -> Iterator[tuple[object, object]]:
        """Drive the run; at its end the answer becomes part of the history."""
        drive = self.session.drive(ticket, visitor.session_hash or "")
        for value in drive:
            shown = gr.skip() if value is None else self.as_value(history, value["messages"])
            yield gr.skip(), shown
        if drive.forgotten:
            return
        history = chat_history.with_answer(
            history, watch_id(ticket), drive.outcome, self.session.capabilities.facts
        )
        yield history, self.as_value(history)

    def halt(self, ticket: str) -> object:
        """Stop within one step; the answer keeps what it has."""
        self.session.stop(ticket)
        return self.ready(not self.session.busy(ticket))

    def finish(self, ticket: str, history: History) -> tuple[object, ...]:
        """The visitor can write again when the run is over; a run without an answer says why.
        `free` tells the page's microphone that the history is whole."""
        history = chat_history.with_refusal(history, watch_id(ticket), self.session.failure(ticket))
        value = {**self.as_value(history), "free": True}
        return history, value, self.ready(not self.session.busy(ticket))

    def give_up(self, ticket: str, history: History) -> tuple[object, ...]:
        """The run's event failed or was never let in."""
        self.session.close(ticket)
        return self.finish(ticket, history)

    def forget(self, ticket: str) -> tuple[object, ...]:
        """An empty conversation; what still forms is stopped."""
        self.session.forget(ticket)
        return (), self.as_value(()), self.ready(True), *notices(None)
