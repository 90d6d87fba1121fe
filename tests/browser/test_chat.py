"""The Chat tab, clicked in a real browser."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from engine.api.events import Refined
from engine.media.audio import wav_bytes
from tests.browser.brief_engine import BRIEF_STEPS
from tests.browser.looking import another_run, formed, phase
from tests.browser.talking import LAST, answered, say
from tests.fake_engine import FakeEngine
from tests.page_server import Served, until

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]


def test_words_morph_out_of_noise_and_become_plain(chat: Page, fake: FakeEngine) -> None:
    with fake.gated(Refined) as gate:
        say(chat, "hello!")
        chat.wait_for_selector(f"{LAST} .omni-word:not(.settled)")
        chat.wait_for_selector(f"{LAST} .omni-word[title*='sure of']")
        words = chat.locator(f"{LAST} .omni-words")
        for _ in range(3):
            before = words.inner_text()
            gate.step()
            expect(words).not_to_have_text(before)
    answered(chat, 1)
    assert chat.inner_text(f"{LAST} .omni-words").startswith("hello! I can draw")
    assert chat.locator(f"{LAST} .omni-word").count() == 0
    assert "hello! I can draw" in chat.inner_text(f"{LAST} .omni-spoken")


def test_draw_answers_with_a_sentence_and_a_picture_in_place(chat: Page, fake: FakeEngine) -> None:
    with fake.gated(Refined) as gate:
        chat.get_by_role("button", name="draw a cat and a dog").click()
        gate.step(BRIEF_STEPS)  # of the words
        chat.wait_for_selector(f"{LAST} .omni-bar.first:not(:first-child)", state="attached")
        formed(chat, gate, f"{LAST} .omni-large .omni-canvas", 4)
    answered(chat, 1)
    assert "here is a cat and a dog" in chat.inner_text(f"{LAST} .omni-words")
    say(chat, "hello!")
    answered(chat, 2)
    assert chat.locator("#chat-talk .omni-large .omni-canvas").count() == 1, (
        "the earlier picture stays"
    )


def test_outside_its_world_three_things_to_press_appear(chat: Page) -> None:
    say(chat, "who is the president?")
    answered(chat, 1)
    chips = chat.locator(f"{LAST} .omni-chip")
    expect(chips).to_have_count(3)
    words = chips.first.inner_text()
    chips.first.click()
    answered(chat, 2)
    assert chat.locator(".omni-turn.user .omni-bubble").nth(1).inner_text() == words
    assert chat.locator(".omni-turn:nth-child(2) .omni-chip").count() == 0


def test_a_picture_can_be_dropped_in_and_asked_about_again(
    chat: Page, fake: FakeEngine, tmp_path: Path
) -> None:
    file = tmp_path / "heart.png"
    Image.new("RGB", (64, 64), "red").save(file)
    chat.set_input_files("#chat-message input[type=file]", file)
    chat.wait_for_selector("#chat-message .thumbnails, #chat-message img")
    say(chat, "what is this?")
    answered(chat, 1)
    assert chat.locator(".omni-turn.user img").count() == 1
    assert "this is message 1" in chat.inner_text(f"{LAST} .omni-words")
    say(chat, "and what colour?")
    answered(chat, 2)
    assert "this is message 3" in chat.inner_text(f"{LAST} .omni-words")
    turns = fake.requests[-1].conversation.turns
    assert [turn.role for turn in turns] == ["user", "assistant", "user"]
    assert turns[0].parts[0].image is not None


def test_a_picture_and_a_sound_are_one_message_and_more_is_a_sentence(
    chat: Page, fake: FakeEngine, tmp_path: Path
) -> None:
    picture, sound = tmp_path / "dog.png", tmp_path / "bark.wav"
    Image.new("RGB", (64, 64), "red").save(picture)
    sound.write_bytes(wav_bytes((0.3 * np.sin(np.arange(16_000) / 9)).astype(np.float32)))
    attach = "#chat-message input[type=file]"
    question = "is the animal that you hear in the picture?"
    chat.set_input_files(attach, [sound, picture])
    expect(chat.locator("#chat-message .thumbnail-item")).to_have_count(2)
    chat.set_input_files(attach, [picture])
    expect(chat.locator("#chat-message .thumbnail-item")).to_have_count(3)
    say(chat, question)
    expect(chat.locator("#chat-prompt-notice")).to_contain_text("two files, one to see")
    expect(chat.locator("#chat-message .thumbnail-item")).to_have_count(3)
    assert chat.input_value("#chat-message textarea") == question
    chat.locator("#chat-message .thumbnail-item button").last.click()
    expect(chat.locator("#chat-message .thumbnail-item")).to_have_count(2)
    say(chat, question)
    answered(chat, 1)
    bubble = chat.locator(".omni-turn.user .omni-bubble")
    assert bubble.locator("img").count() == 1
    assert bubble.locator("audio").count() == 1
    assert bubble.locator(".omni-words").inner_text() == question
    expect(chat.locator("#chat-message .thumbnail-item")).to_have_count(0)
    (turn,) = fake.requests[-1].conversation.turns
    assert [part.modality.value for part in turn.parts] == ["image", "audio", "text"]


def test_a_renamed_file_is_a_sentence_and_the_words_stay(chat: Page, tmp_path: Path) -> None:
    file = tmp_path / "holiday.png"
    file.write_text("this is not a picture")
    chat.set_input_files("#chat-message input[type=file]", file)
    chat.wait_for_selector("#chat-message .thumbnails, #chat-message img", state="attached")
    say(chat, "what is this?")
    expect(chat.locator("#chat-prompt-notice")).to_contain_text("not a picture that can be read")
    assert chat.input_value("#chat-message textarea") == "what is this?"
    assert chat.locator(".omni-turns > .omni-turn").count() == 0


def test_stop_again_and_new_conversation(chat: Page, site: Served, fake: FakeEngine) -> None:
    with fake.gated(Refined) as gate:
        say(chat, "draw three strawberries")
        gate.step(BRIEF_STEPS)  # of the words
        chat.wait_for_selector(f"{LAST} .omni-bar.first:not(:first-child)", state="attached")
        chat.click("#chat-message .stop-button")
        until(lambda: site.last_run.stopping)
    phase(chat, "stopped", f"#chat-talk {LAST}")
    chat.wait_for_selector("#chat-message .submit-button")
    assert "here is three strawberries" in chat.inner_text(f"{LAST} .omni-words")
    with another_run(chat, LAST):
        chat.click("#chat-again")
    assert chat.locator(".omni-turns > .omni-turn").count() == 2
    answered(chat, 1)
    chat.click("#chat-clear")
    chat.wait_for_selector(".omni-welcome")
    assert chat.locator(".omni-turns > .omni-turn").count() == 0


def test_the_chat_opens_with_a_recorded_answer_that_goes_when_one_asks(
    site: Served, visit: Visit
) -> None:
    page = visit(site.url)
    page.get_by_role("tab", name="Chat").click()
    example = page.locator("#chat-talk .omni-example")
    expect(example).to_contain_text("recorded earlier")
    example.locator(".omni-live[data-phase='completed']").wait_for()
    expect(page.locator("#chat-talk .omni-welcome h2")).to_be_in_viewport()
    page.locator("#chat-talk .omni-welcome .omni-chip").last.click()
    expect(page.locator("#chat-talk .omni-turns > .omni-turn.user")).to_have_count(1)
    expect(example).to_have_count(0)


def test_a_conversation_is_saved_and_opened_again(chat: Page, tmp_path: Path) -> None:
    say(chat, "draw a red heart")
    answered(chat, 1)
    with chat.expect_download() as download:
        chat.click("#chat-save")
    file = tmp_path / "conversation.json"
    download.value.save_as(file)
    chat.click("#chat-clear")
    chat.wait_for_selector(".omni-welcome")
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    chat.set_input_files("#chat-open input[type=file], input[type=file][accept='.json']", broken)
    expect(chat.locator("#chat-prompt-notice")).to_contain_text("not a conversation of ours")
    chat.set_input_files("#chat-open input[type=file], input[type=file][accept='.json']", file)
    expect(chat.locator(".omni-turns > .omni-turn.user")).to_have_count(1)
    expect(chat.locator(f"{LAST} img")).to_be_visible()
    expect(chat.locator(f"{LAST} .omni-words")).to_contain_text("here is a red heart")
    say(chat, "hello!")
    answered(chat, 2)
