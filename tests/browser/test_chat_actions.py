"""Actions on what was said, what an answer is to be, and a long mixed conversation."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from app.chat.history import BETWEEN, OUT_OF_SIGHT
from engine.api.request import Modality
from engine.media.audio import wav_bytes
from tests.browser.looking import another_run
from tests.browser.talking import LAST, answer_with, answered, say, words
from tests.fake_engine import FakeEngine

pytestmark = pytest.mark.browser
FIRST = ".omni-turns > .omni-turn.user"


def test_a_message_is_edited_in_its_place_with_the_keyboard(chat: Page) -> None:
    say(chat, "draw a red heart")
    answered(chat, 1)
    say(chat, "hello!")
    answered(chat, 2)
    chat.get_by_role("button", name="Edit this message").first.press("Enter")
    field = chat.get_by_role("textbox", name="your message, edited")
    expect(field).to_be_focused()
    expect(field).to_have_value("draw a red heart")
    field.press("Escape")
    expect(field).to_have_count(0)
    expect(chat.get_by_role("button", name="Edit this message").first).to_be_focused()
    chat.keyboard.press("Enter")
    field.fill("")
    field.press("Enter")
    expect(chat.locator("#chat-prompt-notice")).to_contain_text("prompt is empty")
    expect(field).to_be_visible()
    field.fill("draw a cat")
    field.press("Enter")
    answered(chat, 1)
    assert words(chat) == ["draw a cat", "here is a cat"]
    assert chat.locator(".omni-editor").count() == 0


def test_a_message_goes_with_its_answer_and_undo_takes_the_last(chat: Page) -> None:
    for number, text in enumerate(("hello!", "draw a cat", "hi"), 1):
        say(chat, text)
        answered(chat, number)
    chat.get_by_role("button", name="Delete this message").nth(1).click()
    expect(chat.locator(FIRST)).to_have_count(2)
    assert words(chat)[::2] == ["hello!", "hi"]
    say(chat, "draw a dog")
    answered(chat, 3)
    chat.click("#chat-undo")
    expect(chat.locator(FIRST)).to_have_count(2)
    for _ in range(2):
        chat.click("#chat-undo")
    chat.wait_for_selector(".omni-welcome")
    chat.click("#chat-undo")
    expect(chat.locator("#chat-prompt-notice")).to_contain_text("nothing to undo")


def test_the_actions_appear_where_the_mouse_or_the_keyboard_is(chat: Page) -> None:
    say(chat, "hello!")
    answered(chat, 1)
    chat.mouse.move(1, 1)
    row = chat.locator(f"{FIRST} .omni-deeds")
    expect(row).to_have_css("opacity", "0")
    chat.hover(FIRST)
    expect(row).to_have_css("opacity", "1")
    chat.mouse.move(1, 1)
    expect(row).to_have_css("opacity", "0")
    row.get_by_role("button").first.focus()
    expect(row).to_have_css("opacity", "1")


def test_words_are_copied(chat: Page) -> None:
    chat.context.grant_permissions(["clipboard-read", "clipboard-write"])
    say(chat, "hello!")
    answered(chat, 1)
    chat.get_by_role("button", name="Copy the words of this answer").click()
    expect(chat.locator(f"{LAST} .omni-deed").first).to_have_text("Copied")
    assert chat.evaluate("navigator.clipboard.readText()").startswith("hello! I can draw")


def test_another_answer_keeps_the_settings_and_takes_the_next_seed(
    chat: Page, fake: FakeEngine
) -> None:
    say(chat, "draw a cat")
    answered(chat, 1)
    before = fake.requests[-1]
    with another_run(chat, LAST):
        chat.get_by_role("button", name="Answer again with the next seed").press("Enter")
    answered(chat, 1)
    after = fake.requests[-1]
    assert after.sampling.seed == before.sampling.seed + 1
    assert after.conversation == before.conversation


@pytest.mark.parametrize(
    ("kind", "order"),
    [
        ("picture, then words", ["picture", "here you go, look at it"]),
        ("words, then picture", ["here you go, look at it", "picture"]),
        ("words around a picture", ["here you", "picture", "go, look at it"]),
    ],
)
def test_a_picture_opens_where_the_visitor_says(chat: Page, kind: str, order: list[str]) -> None:
    answer_with(chat, kind)
    say(chat, "a cat")
    answered(chat, 1)
    pieces = chat.locator(f"{LAST} .omni-stage :is(.omni-words, .omni-pictures)").evaluate_all(
        "nodes => nodes.map(n => n.matches('.omni-words') ? n.textContent : 'picture')"
    )
    assert [piece for piece in pieces if piece] == order


def test_only_a_picture_or_only_words(chat: Page, fake: FakeEngine) -> None:
    answer_with(chat, "picture")
    say(chat, "a cat")
    answered(chat, 1)
    assert fake.requests[-1].to is Modality.IMAGE
    answer_with(chat, "words")
    say(chat, "hello!")
    answered(chat, 2)
    assert fake.requests[-1].to is Modality.TEXT


def test_thinking_is_asked_for_by_a_mark_or_by_the_switch(chat: Page, fake: FakeEngine) -> None:
    say(chat, "\\think how many cats?")
    answered(chat, 1)
    assert words(chat) == ["how many cats?", "three"]
    thought = chat.locator(f"{LAST} .omni-thought")
    expect(thought.locator("p")).to_be_hidden()
    thought.locator("summary").press("Enter")
    expect(thought.locator("p")).to_have_text("one, two, three")
    say(chat, "hello!")
    answered(chat, 2)
    assert not fake.requests[-1].think
    chat.get_by_label("Think first").check()
    say(chat, "and dogs?")
    answered(chat, 3)
    assert fake.requests[-1].think


def test_a_checkpoint_that_does_not_think_says_why(modest_chat: Page) -> None:
    page = modest_chat
    expect(page.get_by_label("Think first")).to_be_disabled()
    expect(page.locator("#chat-think")).to_contain_text("does not think before it answers yet")
    say(page, "\\think how many?")
    expect(page.locator("#chat-prompt-notice")).to_contain_text("leave \\think out")
    assert page.locator(".omni-turns > .omni-turn").count() == 0
    page.click("#chat-answer-with input")
    expect(page.get_by_role("option", name="picture", exact=True)).to_be_visible()
    expect(page.get_by_role("option", name="film", exact=True)).to_have_count(0)
    page.keyboard.press("Escape")


def test_what_a_checkpoint_cannot_do_is_greyed_out_with_the_reason(modest_chat: Page) -> None:
    page = modest_chat
    page.locator("button:visible", has_text="Settings").click()
    expect(page.get_by_label("Speak the answers")).to_be_disabled()
    for control in ("#chat-aloud", "#chat-style"):
        expect(page.locator(control)).to_contain_text("this checkpoint does not speak")
    expect(page.locator("#chat-guidance")).not_to_contain_text("checkpoint")


def drop(page: Page, file: Path) -> None:
    """Put a file beside the words."""
    page.set_input_files("#chat-message input[type=file]", file)
    page.wait_for_selector("#chat-message .thumbnails, #chat-message img, #chat-message audio")


def test_a_mixed_conversation_of_eight_messages(
    chat: Page, fake: FakeEngine, tmp_path: Path
) -> None:
    heart, bell = tmp_path / "heart.png", tmp_path / "bell.wav"
    Image.new("RGB", (64, 64), "red").save(heart)
    tone = np.sin(np.arange(16_000) / 6).astype(np.float32) * 0.3
    bell.write_bytes(wav_bytes(tone, ""))

    say(chat, "hello!")
    answered(chat, 1)
    drop(chat, heart)
    say(chat, "what is this?")
    answered(chat, 2)
    expect(chat.locator(".omni-sight")).to_have_text([OUT_OF_SIGHT])
    say(chat, "and what colour?")
    answered(chat, 3)
    drop(chat, bell)
    say(chat, "is this in the picture?")
    answered(chat, 4)
    expect(chat.locator(".omni-turn.user audio")).to_have_count(1)
    say(chat, "draw a red heart above a dog")
    answered(chat, 5)
    with another_run(chat, LAST):
        chat.get_by_role("button", name="Answer again").first.click()
    answered(chat, 5)
    say(chat, "make a video of a ball")
    answered(chat, 6)
    answer_with(chat, "words around a picture")
    say(chat, "draw a whale")
    answered(chat, 7)
    answer_with(chat, "auto")
    say(chat, "\\think how many whales?")
    answered(chat, 8)
    assert words(chat)[-1] == "three"

    edit = chat.get_by_role("button", name="Edit this message")
    edit.nth(6).click()
    chat.get_by_role("textbox", name="your message, edited").fill("draw two pizzas")
    chat.get_by_role("button", name="Send", exact=True).click()
    answered(chat, 7)
    assert words(chat)[-1] == "here is two pizzas"
    chat.click("#chat-undo")
    expect(chat.locator(FIRST)).to_have_count(6)
    expect(chat.locator(f"{LAST} .omni-films, {LAST} .omni-film")).not_to_have_count(0)

    with chat.expect_download() as download:
        chat.click("#chat-save")
    file = tmp_path / "conversation.json"
    download.value.save_as(file)
    before = words(chat)
    chat.click("#chat-clear")
    chat.wait_for_selector(".omni-welcome")
    chat.set_input_files("#chat-open input[type=file], input[type=file][accept='.json']", file)
    expect(chat.locator(FIRST)).to_have_count(6)
    assert words(chat) == before
    say(chat, "what happens in it?")
    answered(chat, 7)
    notes = chat.locator(".omni-sight").all_inner_texts()
    assert notes == [OUT_OF_SIGHT], "of the film and what follows everything is seen"
    roles = [turn.role for turn in fake.requests[-1].conversation.turns]
    assert roles == ["user", "assistant"] * 6 + ["user"]
    for number, text in ((8, "and then?"), (9, "and then?")):
        say(chat, text)
        answered(chat, number)
    assert chat.locator(".omni-sight").all_inner_texts() == [OUT_OF_SIGHT, BETWEEN]
