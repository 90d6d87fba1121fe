"""The Speech tab, with the browser's own fake microphone, which beeps."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from app.forms.example_prompts import VOICES
from app.tabs.speech import PACK
from engine.api.events import AudioChunk
from engine.media.audio import wav_bytes
from tests.browser.looking import phase
from tests.fake_engine import FakeEngine
from tests.fake_script import NUM_BLOCKS
from tests.page_server import Served, until

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]
LAST = "#speech-talk .omni-turns > .omni-turn:last-child"
EAVESDROP = """() => {
  window.sent = [];
  const send = MessagePort.prototype.postMessage;
  MessagePort.prototype.postMessage = function (data, ...more) {
    if (data === "flush") window.sent.push("flush");
    if (data instanceof Float32Array) window.sent.push(data.length);
    return send.call(this, data, ...more);
  };
  window.heard = 0;
  const handler = Object.getOwnPropertyDescriptor(MessagePort.prototype, "onmessage");
  Object.defineProperty(MessagePort.prototype, "onmessage", {
    ...handler,
    set(listen) {
      handler.set.call(this, (event) => {
        if (event.data instanceof Float32Array) window.heard += event.data.length;
        return listen(event);
      });
    },
  });
}"""
"""The samples that go to the loudspeaker, and how many samples come from the microphone."""
SPOKEN_SAMPLES = 14_000
WATCH_LIGHT = """() => {
  window.lit = [];
  const set = HighlightRegistry.prototype.set;
  HighlightRegistry.prototype.set = function (name, highlight) {
    window.lit.push([...highlight].join());
    return set.call(this, name, highlight);
  };
}"""


@pytest.fixture
def speech(site: Served, borrow: Callable[..., Page]) -> Page:
    """The Speech tab with nothing said."""
    return borrow(f"{site.url}?tab=speech", overheard, new_conversation)


@pytest.fixture
def unused(site: Served, visit: Visit) -> Page:
    """The Speech tab of a page in which nothing was ever played or patched."""
    page = visit(f"{site.url}?tab=speech")
    overheard(page)
    return page


def overheard(page: Page) -> None:
    """Wait for the tab, then count what goes to the loudspeaker and comes from the microphone."""
    page.wait_for_selector("#speech-talk .omni-welcome")
    page.evaluate(EAVESDROP)


def new_conversation(page: Page) -> None:
    """The tab as it was when the page opened, and nothing counted."""
    page.click("#speech-clear")
    page.wait_for_selector("#speech-talk .omni-welcome")
    expect(page.locator("#speech-prompt-notice")).to_be_empty()
    page.evaluate("() => { window.sent = []; window.heard = 0; }")


def press(page: Page) -> None:
    """Hold the button until enough is heard."""
    before = page.evaluate("window.heard")
    page.locator(".omni-mic").hover()
    page.mouse.down()
    page.wait_for_function("wanted => window.heard >= wanted", arg=before + SPOKEN_SAMPLES)


def speak(page: Page) -> None:
    """Say something and send it."""
    press(page)
    page.mouse.up()


def played(page: Page) -> None:
    """Wait until a block of sound went to the loudspeaker."""
    page.wait_for_function("window.sent.filter(Number).length >= 1")


def completed(page: Page) -> None:
    phase(page, "completed", LAST)


def test_what_is_said_is_written_down_answered_and_played(speech: Page, fake: FakeEngine) -> None:
    speak(speech)
    completed(speech)
    assert "hello there" in speech.inner_text(f"{LAST} .omni-heard")
    assert "hello! I can draw" in speech.inner_text(f"{LAST} .omni-stage")
    assert speech.evaluate("window.sent.filter(Number)") == [16_000] * NUM_BLOCKS
    said = fake.requests[-1].conversation.turns[-1].parts[-1].audio
    assert said is not None
    assert SPOKEN_SAMPLES <= len(said) <= speech.evaluate("window.heard")
    told = speech.inner_text(f"{LAST} .omni-timed")
    assert all(name in told for name in ("transcript", "first words", "first sound"))
    assert speech.locator("#speech-talk .omni-turn.user audio").count() == 1


def test_sound_plays_as_soon_as_its_samples_are_there(unused: Page, fake: FakeEngine) -> None:
    """While later blocks still form: the engine makes nothing more before the first is heard."""
    with fake.gated(AudioChunk):
        speak(unused)
        unused.wait_for_selector("[data-played-after-ms]", state="attached")
        assert unused.evaluate("window.sent.filter(Number)") == [16_000]
        assert unused.locator(f"{LAST} .omni-live[data-phase='running']").count() == 1
    completed(unused)


def test_each_word_lights_up_while_it_is_said(unused: Page) -> None:
    unused.evaluate(WATCH_LIGHT)
    speak(unused)
    completed(unused)
    unused.wait_for_function("window.lit.includes('can')")
    assert unused.evaluate("[...new Set(window.lit)].slice(0, 3)") == ["hello!", "I", "can"]
    unused.wait_for_function("!CSS.highlights.has('omni-said')")


def test_speaking_again_silences_the_answer_and_is_answered(
    unused: Page, site: Served, fake: FakeEngine
) -> None:
    with fake.gated(AudioChunk):  # it is still speaking when it is spoken to
        speak(unused)
        played(unused)
        before = len(fake.requests)
        press(unused)
        unused.wait_for_function("window.sent.includes('flush')")
        until(lambda: site.last_run.stopping)
    phase(unused, "stopped", "#speech-talk .omni-turn.assistant")
    expect(unused.locator("#speech-talk .omni-turn.assistant .omni-deeds button")).to_have_count(2)
    unused.mouse.up()
    expect(unused.locator("#speech-talk .omni-turn.user")).to_have_count(2)
    completed(unused)
    assert len(fake.requests) == before + 1
    turns = fake.requests[-1].conversation.turns
    assert [t.role for t in turns] == ["user", "assistant", "user"]
    assert turns[0].parts[0].text == "hello there", "the first words are kept with their sound"
    first = unused.locator("#speech-talk .omni-turn.assistant .omni-live").first
    expect(first).to_have_attribute("data-phase", "stopped")


def test_the_answer_can_be_taken_home(speech: Page, tmp_path: Path) -> None:
    speech.get_by_role("button", name="say a red heart").click()
    completed(speech)
    with speech.expect_download() as download:
        speech.get_by_role("button", name="Download WAV").last.click()
    file = tmp_path / "x.wav"
    download.value.save_as(file)
    assert re.fullmatch(r"say-a-red-heart-seed-\d+\.wav", download.value.suggested_filename)
    assert file.read_bytes()[:4] == b"RIFF"
    assert file.stat().st_size > 2 * 16_000 * NUM_BLOCKS


def test_everything_works_without_a_microphone(
    unused: Page, fake: FakeEngine, tmp_path: Path
) -> None:
    unused.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = async () => "
        "{ throw new DOMException('no', 'NotAllowedError'); }; }"
    )
    unused.locator(".omni-mic").hover()
    unused.mouse.down()
    expect(unused.locator(".omni-hint")).to_contain_text(
        "does not let this page use the microphone"
    )
    unused.mouse.up()
    unused.fill("#speech-typed input, #speech-typed textarea", "hello!")
    unused.keyboard.press("Enter")
    completed(unused)
    assert "hello! I can draw" in unused.inner_text(f"{LAST} .omni-stage")
    file = tmp_path / "voice.wav"
    times = np.arange(16_000) / 16_000
    file.write_bytes(wav_bytes((0.3 * np.sin(880 * times)).astype(np.float32)))
    unused.set_input_files("#speech-upload ~ input, #speech-upload input, input[type=file]", file)
    expect(unused.locator("#speech-talk .omni-turn.user")).to_have_count(2)
    completed(unused)
    assert fake.requests[-1].listens


def test_a_recorded_voice_can_be_sent(speech: Page, fake: FakeEngine) -> None:
    for name in VOICES.values():
        assert (PACK / f"{name}.opus").exists()
    speech.locator("#speech-talk .omni-welcome .omni-chip").last.click()
    completed(speech)
    assert fake.requests[-1].listens
    assert "hello there" in speech.inner_text(f"{LAST} .omni-heard")


def test_without_websockets_the_answer_is_still_heard(unused: Page) -> None:
    unused.evaluate("() => { window.WebSocket = class { close() {} }; }")
    speak(unused)
    completed(unused)
    assert "hello there" in unused.inner_text(f"{LAST} .omni-heard")
    assert "hello! I can draw" in unused.inner_text(f"{LAST} .omni-stage")
    assert unused.evaluate("window.sent.filter(Number)") == [16_000] * NUM_BLOCKS, "each once"
    expect(unused.get_by_role("button", name="Download WAV").last).to_be_visible()


def test_silence_is_a_sentence_and_nothing_is_lost(speech: Page, tmp_path: Path) -> None:
    file = tmp_path / "silence.wav"
    file.write_bytes(wav_bytes(np.zeros(16_000, np.float32)))
    speech.set_input_files("#speech-upload ~ input, #speech-upload input, input[type=file]", file)
    expect(speech.locator("#speech-prompt-notice")).to_contain_text("othing can be heard")
    assert speech.locator("#speech-talk .omni-turn").count() == 0


def test_hands_free_listens_until_it_is_closed(speech: Page) -> None:
    speech.get_by_role("button", name="Hands-free").click()
    expect(speech.locator(".omni-microphone")).to_have_class("omni-mount omni-microphone open")
    expect(speech.locator(".omni-hint")).to_contain_text("a pause ends your turn")
    speech.get_by_role("button", name="Hands-free").click()
    expect(speech.locator(".omni-hint")).to_contain_text("Hold to talk")


def test_a_checkpoint_without_sound_says_so(modest_site: Served, visit: Visit) -> None:
    page = visit(f"{modest_site.url}?tab=speech")
    expect(page.locator("#speech-deaf")).to_contain_text("neither hears nor speaks")
    assert page.locator(".omni-mic").count() == 0
