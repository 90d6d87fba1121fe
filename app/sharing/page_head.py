"""The head of the served page: its own title, sentence and picture where Gradio has its own.

Gradio renders every page from one template, whose tags for social networks are about Gradio. The
template is read through a loader that puts other tags in their place. Owns: the page's name and
sentence. Does not own: how the picture is drawn (`app.sharing.social_card`).
"""

import re
from functools import cache
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from gradio import routes
from jinja2 import ChoiceLoader, FunctionLoader

from app.theme import DARK, LIGHT

TITLE = "NExT-OMNI Live"
SENTENCE = "Watch a model find words and pictures in noise, step by step."
MARK_CELLS = ((2, 5, 3, 1), (4, 9, 10, 3), (3, 10, 10, 6), (1, 4, 7, 2))
"""The opacity of each cell of the page's mark, in tenths."""
PAGE_ASSETS = Path(__file__).resolve().parents[2] / "assets/page"
CARD, ICON = PAGE_ASSETS / "card.jpg", PAGE_ASSETS / "icon.png"
CARD_SIZE = (1200, 630)
CARD_SHOWS = "A picture forms out of noise in five steps"
CARD_ADDRESS = "social/card.jpg"
INDEX = "frontend/index.html"
DAY_S = 86400
ABOUT_GRADIO = re.compile(r'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*')
MANIFEST = 'href="/manifest.json"'
OURS = f"""<title>{TITLE}</title>
<meta name="description" content="{SENTENCE}">
<meta property="og:type" content="website">
<meta property="og:site_name" content="{TITLE}">
<meta property="og:title" content="{TITLE}">
<meta property="og:description" content="{SENTENCE}">
<meta property="og:url" content="{{{{ config['root'] }}}}/">
<meta property="og:image" content="{{{{ config['root'] }}}}/{CARD_ADDRESS}">
<meta property="og:image:width" content="{CARD_SIZE[0]}">
<meta property="og:image:height" content="{CARD_SIZE[1]}">
<meta property="og:image:alt" content="{CARD_SHOWS}">
<meta name="twitter:card" content="summary_large_image">
<meta name="theme-color" media="(prefers-color-scheme: light)" content="{LIGHT["paper"]}">
<meta name="theme-color" media="(prefers-color-scheme: dark)" content="{DARK["paper"]}">
</head>"""


def own_head(template: str) -> str:
    """Return Gradio's template with the page's own tags; the manifest lies where the page does."""
    bare = ABOUT_GRADIO.sub("", template)
    return bare.replace(MANIFEST, MANIFEST.replace("/", "", 1)).replace("</head>", OURS, 1)


@cache
def use_own_head() -> None:
    """Render pages with the page's own head from now on."""
    environment = routes.templates.env
    theirs = environment.loader
    assert theirs is not None

    def index(name: str) -> str | None:
        return own_head(theirs.get_source(environment, INDEX)[0]) if name == INDEX else None

    environment.loader = ChoiceLoader([FunctionLoader(index), theirs])


def add_card_route(server: FastAPI) -> None:
    """Serve the picture of the card on `server`."""

    def card() -> FileResponse:
        return FileResponse(CARD, headers={"cache-control": f"public, max-age={DAY_S}"})

    server.add_api_route(f"/{CARD_ADDRESS}", card, response_model=None)
