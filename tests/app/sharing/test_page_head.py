"""The page says what it is to a social network, a browser and a phone, and nothing about Gradio."""

import json
import re
from io import BytesIO
from urllib.request import urlopen

import pytest
from PIL import Image

from app.page import FIRST_RUN
from app.sharing import social_card
from app.sharing.page_head import CARD, CARD_SIZE, ICON, SENTENCE, TITLE, own_head
from tests.fake_engine import FakeEngine
from tests.page_server import Served, served

META = re.compile(r'<meta\s+(?:property|name)="([^"]+)"\s+content="([^"]*)"')


@pytest.fixture(scope="module")
def site():
    with served(FakeEngine()) as running:
        yield running


def fetched(site: Served, path: str = "") -> bytes:
    with urlopen(site.url + path) as answer:
        return answer.read()


def test_the_served_page_has_its_own_tags_once(site: Served) -> None:
    page = fetched(site).decode()
    head = page[: page.index("window.gradio_config")] + page[page.index("</script>") :]
    tags = META.findall(head)
    named = dict(tags)
    social = [name for name, _ in tags if name.startswith(("og:", "twitter:"))]
    assert sorted(social) == sorted(set(social))
    assert named["og:title"] == TITLE
    assert named["og:description"] == named["description"] == SENTENCE
    assert f"<title>{TITLE}</title>" in head
    assert not [content for _, content in tags if "radio" in content]


def test_the_picture_of_the_card_is_served_at_its_address(site: Served) -> None:
    named = dict(META.findall(fetched(site).decode()))
    assert named["og:image"].startswith(site.url)
    content = fetched(site, named["og:image"].removeprefix(site.url))
    picture = Image.open(BytesIO(content))
    assert picture.size == CARD_SIZE == (1200, 630)
    assert (named["og:image:width"], named["og:image:height"]) == ("1200", "630")
    assert len(content) < 300_000


def test_the_page_can_be_installed_with_its_own_icon(site: Served) -> None:
    page = fetched(site).decode()
    assert '<link rel="manifest" href="manifest.json"' in page
    assert f'"name":"{TITLE}"' in fetched(site, "manifest.json").decode()
    assert fetched(site, "favicon.ico") == ICON.read_bytes()
    assert Image.open(BytesIO(fetched(site, "pwa_icon/192"))).size == (192, 192)


def test_a_template_without_tags_gets_ours_and_stays_as_it_is() -> None:
    found = own_head("<head><style></style></head><body></body>")
    assert found.startswith("<head><style></style><title>")
    assert found.endswith("</head><body></body>")


def test_the_card_is_what_the_command_draws(tmp_path) -> None:
    assert social_card.main(["--run", str(FIRST_RUN), "--out", str(tmp_path)]) == 0
    assert Image.open(tmp_path / CARD.name).size == CARD_SIZE
    assert (tmp_path / ICON.name).read_bytes() == ICON.read_bytes()


def test_a_run_that_is_too_short_is_refused(tmp_path, capsys) -> None:
    short = tmp_path / "short.json"
    run = json.loads(FIRST_RUN.read_text())
    short.write_text(json.dumps({"messages": [*run["messages"][:3], run["messages"][-1]]}))
    assert social_card.main(["--run", str(short), "--out", str(tmp_path)]) == 2
    assert "shows 5 steps" in capsys.readouterr().err
