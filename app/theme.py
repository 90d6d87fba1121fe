"""The look of the page: Gradio's theme variables, and the stylesheets of `static/css/`.

System fonts only; nothing here makes the browser ask another host for anything.
"""

from pathlib import Path

from gradio.themes import Base
from gradio.themes.utils import sizes

CSS = Path(__file__).parent / "static/css"
STYLES = (
    "page.css", "live.css", "chat.css", "audio.css", "mask_editor.css", "lab.css", "gallery.css",
    "race.css", "palette.css",
)  # fmt: skip

SANS = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")

LIGHT = {
    "paper": "#f6f4ee",
    "card": "#fffefa",
    "ink": "#1c1a22",
    "soft": "#615c6c",
    "line": "#e2ddd2",
    "accent": "#4a3fc0",
    "accent_hover": "#3a30a6",
    "on_accent": "#ffffff",
}
DARK = {
    "paper": "#121116",
    "card": "#1a1920",
    "ink": "#edeaf2",
    "soft": "#a49fb2",
    "line": "#2d2b36",
    "accent": "#a99eff",
    "accent_hover": "#c0b8ff",
    "on_accent": "#15131f",
}

VARIABLES = {
    "paper": ("body_background_fill",),
    "card": ("block_background_fill", "input_background_fill", "button_secondary_background_fill"),
    "ink": ("body_text_color", "block_title_text_color", "button_secondary_text_color"),
    "soft": ("body_text_color_subdued", "block_label_text_color", "block_info_text_color"),
    "line": ("border_color_primary", "input_border_color", "block_border_color",
             "button_secondary_border_color"),
    "accent": ("slider_color", "button_primary_background_fill", "link_text_color",
               "checkbox_background_color_selected", "input_border_color_focus"),
    "accent_hover": ("button_primary_background_fill_hover",),
    "on_accent": ("button_primary_text_color",),
}  # fmt: skip


def theme() -> Base:
    """Warm paper and ink by day, a quiet dark room by night, one indigo accent."""
    base = Base(
        font=list(SANS),
        font_mono=list(MONO),
        radius_size=sizes.radius_md,
        spacing_size=sizes.spacing_md,
    )
    values: dict[str, str] = {}
    for role, names in VARIABLES.items():
        for name in names:
            values[name] = LIGHT[role]
            values[f"{name}_dark"] = DARK[role]
    return base.set(
        **values,
        color_accent="var(--omni-accent)",
        block_shadow="none",
        block_border_width="1px",
        button_primary_shadow="none",
        button_secondary_shadow="none",
    )


def css() -> str:
    """Every stylesheet of the page, with the palette as variables in front."""
    day = "".join(f"--omni-{name.replace('_', '-')}: {value};" for name, value in LIGHT.items())
    night = "".join(f"--omni-{name.replace('_', '-')}: {value};" for name, value in DARK.items())
    palette = f":root {{ {day} }}\n:root.dark, :root .dark {{ {night} }}\n"
    return palette + "\n".join((CSS / name).read_text() for name in STYLES)
