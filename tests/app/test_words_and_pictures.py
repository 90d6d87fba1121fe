"""The page of a checkpoint of others that talks and draws, with and without its picture tokenizer
and its speech codec: it says what is missing, and begins with the settings of the checkpoint."""

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from app.abilities import Abilities
from app.tabs.about import about_html
from engine.engine import Engine
from engine.request import Modality
from model.convert.__main__ import main
from tests.app.test_words_alone import components
from tests.engine.test_speech_process import command
from tests.model import coded_models
from tests.page_server import served


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


def test_without_its_picture_tokenizer_the_page_says_so(engines: dict[str, Engine]) -> None:
    shown = components(engines["blind"])
    assert "python -m model.convert magvit" in shown["image-blind"]["value"]
    assert "its speech codec is a program of its own" in shown["speech-deaf"]["value"]
    assert shown["tabs"]["selected"] == "chat"
    assert shown["chat-message"]["sources"] == []


def test_with_it_the_page_draws_by_the_checkpoint_s_settings(engines: dict[str, Engine]) -> None:
    shown = components(engines["seeing"])
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


def test_without_its_speech_codec_the_page_says_how_to_add_it(engines: dict[str, Engine]) -> None:
    shown = components(engines["seeing"])
    assert "start with --speech-codec COMMAND" in shown["speech-deaf"]["value"]
    assert not {"chat-style", "speech-style"} & set(shown)


def test_with_it_the_page_offers_its_styles(engines: dict[str, Engine]) -> None:
    shown = components(engines["speaking"])
    assert "speech-deaf" not in shown
    for tab in ("chat", "speech"):
        names = [name for _, name in shown[f"{tab}-style"]["choices"]]
        assert (len(names), names[0]) == (24, "female-neutral-normal")
        assert shown[f"{tab}-style"]["value"] == names[0]
    assert "in 24 styles" in about_html(engines["speaking"].info())


def test_it_speaks_on_the_page_in_a_style(engines: dict[str, Engine]) -> None:
    """What is asked for reaches the run; a style that there is not is refused."""
    with served(engines["speaking"]) as page:
        client = Client(page.url, verbose=False)
        form = ("auto", "auto", "5", True, True)
        ticket, *_ = client.predict("", "say hello", *form, "male-sad-low", api_name="/say")
        request = page.host.tickets[ticket].request
        value = client.submit(ticket, api_name="/say_run").result(timeout=120)
        with pytest.raises(AppError):
            client.predict(ticket, "say hello", *form, "shouting", api_name="/say")
    assert (request.style, request.aloud, request.to) == ("male-sad-low", True, None)
    assert [turn["role"] for turn in value["turns"]] == ["user", "assistant"]
    assert value["turns"][1]["refusal"] is None


def test_it_draws_on_the_page(engines: dict[str, Engine]) -> None:
    with served(engines["seeing"]) as page:
        client = Client(page.url, verbose=False)
        form = ("a red dog", 4, 3.5, "masked", "5", True, 1.0)
        ticket, *_ = client.predict("", *form, api_name="/draw")
        final = client.submit(ticket, api_name="/draw_run").result(timeout=60)
    kinds = [message["kind"] for message in final["messages"]]
    assert (kinds[0], kinds[-1]) == ("started", "completed")


def test_abilities() -> None:
    can = Abilities.of({"modalities": ["text", "image"]})
    assert can.opens
    assert (can.why(Modality.IMAGE), can.why(Modality.AUDIO, " yet")) == ("", " yet")
    tasks = {"dialogue": {"tasks": {"edits": ""}}, "image_flow": {"steps": 9}}
    other = Abilities.of({"config": tasks, "lacking": {"image": "it <b> `is`"}})
    assert not other.opens
    assert (other.steps, other.why(Modality.IMAGE)) == (9, ": it &lt;b&gt; is")
