"""The route /agents.md: what a program that comes to the page can do here, in its own words.

Owns: `agents_text`, `add_agents_route`. Does not own: the tools, whose docstrings it repeats.
"""

import inspect
from collections.abc import Callable, Mapping

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

from app.sharing.page_head import SENTENCE, TITLE

MCP_PATH = "gradio_api/mcp/"
TEXT = """# {title}

{sentence}

- Model Context Protocol (streamable HTTP): {address}{mcp}
- Gradio client: `Client("{address}").predict(..., api_name="/NAME")` with the names below.
- The same seed and settings give the same answer. Errors are sentences that say what to do.

{tools}
"""


def agents_text(tools: Mapping[str, Callable[..., object]], address: str) -> str:
    """Return the text. address: of the page, with a slash at its end."""
    told = "\n\n".join(f"## {name}\n\n{_told(tool)}" for name, tool in tools.items())
    return TEXT.format(title=TITLE, sentence=SENTENCE, address=address, mcp=MCP_PATH, tools=told)


def _told(tool: Callable[..., object]) -> str:
    """Return a docstring, its arguments as a list."""
    about, _, arguments = (inspect.getdoc(tool) or "").partition("\n\nArgs:\n")
    parted = (line.strip().partition(": ") for line in arguments.splitlines())
    return "\n".join([about, "", *(f"- `{name}`: {said}" for name, _, said in parted)])


def add_agents_route(server: FastAPI, tools: Mapping[str, Callable[..., object]]) -> None:
    """Serve the text on `server`."""

    def agents(request: Request) -> PlainTextResponse:
        text = agents_text(tools, str(request.base_url))
        return PlainTextResponse(text, media_type="text/markdown")

    server.add_api_route("/agents.md", agents, response_model=None)
