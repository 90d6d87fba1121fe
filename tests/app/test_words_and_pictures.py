"""The page of a checkpoint of others that talks and draws, with and without its picture tokenizer
and its speech codec: it says what is missing, and begins with the settings of the checkpoint."""

from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from gradio_client.exceptions import AppError

from app.capabilities import Capabilities
from app.session import Session
from app.stream.run import watch_id
from app.tabs.about import about_html
from app.tabs.image import ImageTab, MaskEdit
from engine.api.request import Modality
from engine.api.sampling import Sampling
from engine.engine import Engine
from model.convert.__main__ import main
from tests.app.test_words_alone import components
from tests.engine.media.test_codec_process import command
from tests.model import coded_models
from tests.page_server import PATIENCE_S, served

Pages = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Engine]:
    """Dynin-Omni before and after its picture tokenizer came, and with its speech codec."""
    folder = tmp_path_factory.mktemp("dynin")
    source = coded_models.save("dynin", folder / "source")
    eyes = coded_models.save_magvit(folder / "magvit")
    out = str(folder / "out")
    assert main(["dynin", str(source), out]) == 0
    blind = Engine.load(out, "cpu")
    assert main(["magvit", str(eyes), out]) == 0
    speaking = Engine.load(out, "cpu", speech=command())
    return {"blind": blind, "seeing": Engine.load(out, "cpu"), "speaking": speaking}


@pytest.fixture(scope="module")
def pages(engines: dict[str, Engine]) -> Pages:
    """The settings of what the page of each engine shows."""
    return {name: components(engine) for name, engine in engines.items()}


def test_without_its_picture_tokenizer_the_page_says_so(pages: Pages) -> None:
    shown = pages["blind"]
    assert "python -m model.convert magvit" in shown["image-blind"]["value"]
    assert "its speech codec is a program of its own" in shown["speech-deaf"]["value"]
    assert shown["tabs"]["selected"] == "chat"
    assert shown["chat-message"]["sources"] == []
    assert "knows no films: its picture tokenizer is not here" in shown["video-blind"]["value"]
    assert shown["chat-guidance"]["interactive"] is False
    assert "draws no pictures: its picture tokenizer" in shown["chat-guidance"]["info"]


def test_with_it_the_page_draws_by_the_checkpoint_s_settings(
    engines: dict[str, Engine], pages: Pages
) -> None:
    shown = pages["seeing"]
    assert "image-blind" not in shown
    assert "its speech codec is a program of its own" in shown["speech-deaf"]["value"]
    assert (shown["image-steps"]["value"], shown["image-guidance"]["value"]) == (16, 3.5)
    assert (shown["lab-steps"]["value"], shown["lab-guidance"]["value"]) == (16, 3.5)
    assert shown["lab-temperature"]["value"] == 1
    assert [name for _, name in shown["image-method"]["choices"]] == ["masked"]
    assert [kind for _, kind in shown["lab-kind"]["choices"]] == ["auto", "image", "text"]
    assert "draw" not in shown["chat-message"]["placeholder"]
    assert shown["chat-message"]["sources"] == ["upload"]
    opening = shown["chat-talk"]["value"]
    assert opening["example"] is None
    assert not any("draw" in chip for chip in opening["welcome"]["chips"])
    assert "writes and draws by <em>masked" in about_html(engines["seeing"].info())


def test_without_its_speech_codec_the_page_says_how_to_add_it(pages: Pages) -> None:
    shown = pages["seeing"]
    assert "start with --speech-codec COMMAND" in shown["speech-deaf"]["value"]
    why = "this checkpoint does not speak: its speech codec is a program of its own"
    for name in ("chat-aloud", "chat-style"):
        assert shown[name]["interactive"] is False
        assert shown[name]["info"].startswith(why)
    assert shown["chat-guidance"]["interactive"] is True
    assert shown["chat-guidance"]["info"] is None


def test_with_it_the_page_offers_its_styles(engines: dict[str, Engine], pages: Pages) -> None:
    shown = pages["speaking"]
    assert "speech-deaf" not in shown
    for tab in ("chat", "speech"):
        names = [name for _, name in shown[f"{tab}-style"]["choices"]]
        assert (len(names), names[0]) == (24, "female-neutral-normal")
        assert shown[f"{tab}-style"]["value"] == names[0]
        for setting in ("style", "aloud"):
            assert shown[f"{tab}-{setting}"]["interactive"] is True
            assert shown[f"{tab}-{setting}"]["info"] is None
    assert "in 24 styles" in about_html(engines["speaking"].info())


def test_it_speaks_on_the_page_in_a_style(engines: dict[str, Engine]) -> None:
    """What is asked for reaches the run; a style that there is not is refused."""
    with served(engines["speaking"]) as page:
        client = page.client()
        form = ("auto", "auto", "5", True, True)
        ticket, *_ = client.predict("", "say hello", *form, "male-sad-low", api_name="/say")
        request = page.session.tickets[watch_id(ticket)].request
        value = client.submit(ticket, api_name="/say_run").result(timeout=PATIENCE_S)
        with pytest.raises(AppError):
            client.predict(ticket, "say hello", *form, "shouting", api_name="/say")
    assert (request.style, request.aloud, request.to) == ("male-sad-low", True, None)
    assert [turn["role"] for turn in value["turns"]] == ["user", "assistant"]
    assert value["turns"][1]["refusal"] is None


def test_it_watches_films_and_the_page_says_that_it_makes_none(pages: Pages) -> None:
    shown = pages["seeing"]
    assert "video-clip" in shown and "video-first" not in shown
    assert "no films: it was trained to watch films only" in shown["video-makes-none"]["value"]
    assert shown["video-steps"]["value"] == 64, "words have 128 steps, the slider 64"
    assert "film" in shown["chat-message"]["placeholder"]
    assert shown["chat-think"]["interactive"] is True


def test_one_that_changes_no_picture_says_so_before_it_is_asked(
    engines: dict[str, Engine], pages: Pages
) -> None:
    """It still makes anew what is painted over; one that changes pictures says nothing."""
    assert "image-paints-alone" not in pages["seeing"]
    session = Session(engines["seeing"])
    session.capabilities = replace(session.capabilities, edits_images=False)
    image = ImageTab(session)
    with gr.Blocks() as page:
        image.build()
    said = {b.elem_id: b.value for b in page.blocks.values() if isinstance(b, gr.HTML)}
    assert "changes no picture by words alone" in str(said["image-paints-alone"])
    picture, mask = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), bool)
    with pytest.raises(ValueError, match="paint over what is to be made anew"):
        image.request("a dog", Sampling(), MaskEdit(picture, mask), 1.0)
    painted = mask.copy()
    painted[:32] = True
    assert image.request("a dog", Sampling(), MaskEdit(picture, painted), 1.0).inpainting
    assert image.request("a dog", Sampling(), MaskEdit(picture, mask), 0.5).inpainting


def test_it_draws_on_the_page(engines: dict[str, Engine]) -> None:
    with served(engines["seeing"]) as page:
        client = page.client()
        form = ("a red dog", 4, 3.5, "masked", "5", True, 1.0)
        ticket, *_ = client.predict("", *form, api_name="/draw")
        final = client.submit(ticket, api_name="/draw_run").result(timeout=PATIENCE_S)
    kinds = [message["kind"] for message in final["messages"]]
    assert (kinds[0], kinds[-1]) == ("started", "completed")


def test_abilities() -> None:
    can = Capabilities.of({"modalities": ["text", "image"]})
    assert can.opens_media
    assert (can.missing_reason(Modality.IMAGE), can.missing_reason(Modality.AUDIO, " yet")) == (
        "",
        " yet",
    )
    tasks = {"dialogue": {"tasks": {"edits": ""}}, "image_flow": {"steps": 9}}
    other = Capabilities.of({"config": tasks, "lacking": {"image": "it <b> `is`"}})
    assert not other.opens_media
    assert can.edits_images and not other.edits_images
    assert Capabilities.of({"config": {"dialogue": {"tasks": {"edits": "<|i2i|>"}}}}).edits_images
    assert (can.frames, can.sees_video) == (0, False)
    assert Capabilities.of({"config": {"video_frames": 5}}).sees_video
    assert (other.steps, other.missing_reason(Modality.IMAGE)) == (9, ": it &lt;b&gt; is")
