"""The sentences beside the controls: the one place that shows what was wrong with an input."""

from html import escape

from app.forms.parse import InputError

CONTROLS = ("prompt", "settings")


def notices(bad: InputError | None) -> tuple[str, ...]:
    """Return one value per control of `CONTROLS`; None clears them all."""
    return tuple(
        f"<p role='alert'>{escape(str(bad))}</p>" if bad is not None and bad.control == c else ""
        for c in CONTROLS
    )
