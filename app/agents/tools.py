"""The tools that programs call, by Gradio's clients and by the Model Context Protocol: one call,
one answer, nothing kept.

Each opens a run in the page's line, as a visitor does, and returns its end. Docstrings are what an
agent reads. Owns: `Tools`, `offer_tools`, `only_tools_for_agents`. Does not own: the endpoints of
the page's own forms (`app.tabs`), and the HTTP API for many (`serving`).
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import gradio as gr
from gradio.data_classes import FileData
from gradio.events import api

from app.agents.tool_run import ToolRun, as_errors, uploaded
from app.forms.parse import read_file, read_sampling, read_seed, read_upload
from app.session import Session
from engine.api.conversation import Conversation, Part, Turn
from engine.api.request import Modality, Request
from engine.api.sampling import Sampling
from engine.prompt.spoken_words import SAY

ABOUT_STATE = "This MCP server includes a tool that has a gr.State input"
"""Gradio's warning about the page's own forms, which `only_tools_for_agents` hides."""
NOT_HEARD = "that is no sound: `look` sees pictures and films"
NOT_SEEN = "that is a sound: `listen_to` hears it"


@dataclass
class Tools:
    """The functions that an engine's page offers to programs; each is a tool of its name."""

    session: Session

    @property
    def offered(self) -> dict[str, Callable[..., object]]:
        """The tools for what this checkpoint can do, by name."""
        can = self.session.capabilities
        found: list[Callable[..., object]] = [self.answer_question]
        if can.makes_images:
            found += [self.draw_picture, *([self.change_picture] if can.edits_images else [])]
        if can.makes_video:
            found += [self.make_film]
        if can.makes_images or can.sees_video:
            found += [self.look]
        if Modality.AUDIO in can.makes:
            found += [self.say_aloud, self.listen_to]
        return {tool.__name__: tool for tool in found}

    def draw_picture(
        self,
        visitor: gr.Request,
        prompt: str,
        seed: int = 0,
        steps: int = 16,
        guidance: float = 1.0,
        method: str = "",
        anyway: bool = False,
    ) -> FileData:
        """Draw a picture of things, colours and places that the model has learned: a PNG with its
        prompt, seed and settings inside.

        Args:
            prompt: what to draw, such as "a red heart above a dog".
            seed: the same seed and settings draw the same picture, 0 to 9007199254740991.
            steps: how often the picture is refined, 1 to 128.
            guidance: how strictly the prompt is followed, 0 to 8.
            method: the sampler, such as "flow" or "masked"; empty for the model's own.
            anyway: draw also where the prompt names things that the model never learned.
        """
        with as_errors():
            run = ToolRun(self.session, visitor)
            run.refuse_unknown(prompt, anyway=anyway)
            sampling = read_sampling(steps, guidance, method or None, read_seed(str(seed)))
            return run.file(Request(Conversation.ask(prompt), Modality.IMAGE, sampling))

    def change_picture(
        self, visitor: gr.Request, picture: FileData, instruction: str, seed: int = 0
    ) -> FileData:
        """Change a picture as an instruction says, such as "make the dog blue": a PNG.

        Args:
            picture: the picture to change.
            instruction: what is to be different.
            seed: the same seed makes the same change.
        """
        with as_errors():
            asked = Conversation.ask(instruction, image=read_upload(uploaded(picture)))
            request = Request(asked, Modality.IMAGE, _seeded(seed))
            return ToolRun(self.session, visitor).file(request)

    def make_film(
        self, visitor: gr.Request, prompt: str, seed: int = 0, anyway: bool = False
    ) -> FileData:
        """Make a short film of a thing that moves, such as "a blue car moving to the left": an
        MP4.

        Args:
            prompt: what moves, and how.
            seed: the same seed makes the same film.
            anyway: make it also where the prompt names things that the model never learned.
        """
        with as_errors():
            run = ToolRun(self.session, visitor)
            run.refuse_unknown(prompt, anyway=anyway)
            return run.file(Request(Conversation.ask(prompt), Modality.VIDEO, _seeded(seed)))

    def answer_question(self, visitor: gr.Request, question: str, seed: int = 0) -> str:
        """Answer a question in words. The model knows a small world of things, and says where a
        question lies outside of it.

        Args:
            question: what to ask, such as "what colour is a banana?".
            seed: the same seed gives the same answer.
        """
        with as_errors():
            asked = Request(Conversation.ask(question), Modality.TEXT, _seeded(seed))
            return ToolRun(self.session, visitor).words(asked)

    def look(self, visitor: gr.Request, file: FileData, question: str, seed: int = 0) -> str:
        """Answer a question about a picture or a film.

        Args:
            file: a picture or a film.
            question: what to ask about it, such as "how many dogs are there?".
            seed: the same seed gives the same answer.
        """
        with as_errors():
            seen = read_file(uploaded(file), films=self.session.capabilities.sees_video)
            if seen.audio is not None:
                raise ValueError(NOT_SEEN)
            asked = Conversation((Turn("user", (seen, Part(text=question))),))
            request = Request(asked, Modality.TEXT, _seeded(seed))
            return ToolRun(self.session, visitor).words(request)

    def say_aloud(self, visitor: gr.Request, words: str, seed: int = 0) -> FileData:
        """Say a sentence aloud: a WAV.

        Args:
            words: what to say.
            seed: the same seed speaks the same way.
        """
        with as_errors():
            asked = Request(Conversation.ask(SAY + words), Modality.AUDIO, _seeded(seed))
            return ToolRun(self.session, visitor).file(asked)

    def listen_to(self, visitor: gr.Request, recording: FileData, seed: int = 0) -> str:
        """Answer a recording of somebody who speaks English, in words.

        Args:
            recording: what was said.
            seed: the same seed gives the same answer.
        """
        with as_errors():
            heard = read_file(uploaded(recording), films=False)
            if heard.audio is None:
                raise ValueError(NOT_HEARD)
            asked = Request(Conversation((Turn("user", (heard,)),)), Modality.TEXT, _seeded(seed))
            return ToolRun(self.session, visitor).words(asked)


def _seeded(seed: int) -> Sampling:
    return Sampling(seed=read_seed(str(seed)))


def offer_tools(session: Session) -> None:
    """Add the tools to the Blocks that are being built."""
    warnings.filterwarnings("ignore", message=ABOUT_STATE)
    for name, tool in Tools(session).offered.items():
        api(
            tool,
            api_name=name,
            concurrency_limit=session.bus.at_once,
            concurrency_id="model",
        )


def only_tools_for_agents(page: gr.Blocks, session: Session) -> None:
    """Hide the endpoints of the page's own forms from agents; scripts may still call them."""
    server = page.mcp_server_obj
    if server is not None:
        offered = Tools(session).offered
        found = server.tool_to_endpoint.items()
        server.tool_to_endpoint = {name: place for name, place in found if name in offered}
