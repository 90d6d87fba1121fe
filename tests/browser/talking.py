"""What the tests of the Chat tab do and wait for."""

from playwright.sync_api import Page, expect

from tests.browser.looking import phase

LAST = ".omni-turns > .omni-turn:last-child"


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
    """What stands in the conversation, turn by turn."""
    turns = page.locator(".omni-turns > .omni-turn").all()
    return [" ".join(turn.locator(".omni-bubble .omni-words").all_inner_texts()) for turn in turns]
