"""The steps of the tests of the Chat tab, and what they wait for."""

from playwright.sync_api import Page, expect

from tests.browser.looking import phase

LAST = ".omni-turns > .omni-turn:last-child"


def welcomed(page: Page) -> None:
    """Wait for the Chat tab without a conversation."""
    page.wait_for_selector("#chat-talk .omni-welcome")


def new_conversation(page: Page) -> None:
    """Everything that a visitor can change in the Chat tab is as it was when the page opened."""
    page.click("#chat-clear")
    welcomed(page)
    files = page.locator("#chat-message .thumbnail-item")
    while left := files.count():
        files.last.locator("button").click()
        expect(files).to_have_count(left - 1)
    page.fill("#chat-message textarea", "")
    if page.input_value("#chat-answer-with input") != "auto":
        answer_with(page, "auto")
    if page.get_by_label("Think first").is_checked():
        page.get_by_label("Think first").uncheck()
    expect(page.locator("#chat-prompt-notice")).to_be_empty()


def say(page: Page, text: str) -> None:
    page.fill("#chat-message textarea", text)
    page.press("#chat-message textarea", "Enter")


def answered(page: Page, number: int) -> None:
    """Wait for the answer to that message, and until the visitor can write again."""
    expect(page.locator(".omni-turns > .omni-turn.user")).to_have_count(number)
    phase(page, "completed", f"#chat-talk {LAST}")
    page.wait_for_selector("#chat-message .submit-button")


def answer_with(page: Page, kind: str) -> None:
    """Choose what every answer is to be."""
    page.click("#chat-answer-with input")
    page.get_by_role("option", name=kind, exact=True).click()
    expect(page.locator("#chat-answer-with input")).to_have_value(kind)


def words(page: Page) -> list[str]:
    """The words of the conversation, turn by turn."""
    turns = page.locator(".omni-turns > .omni-turn").all()
    return [" ".join(turn.locator(".omni-bubble .omni-words").all_inner_texts()) for turn in turns]
