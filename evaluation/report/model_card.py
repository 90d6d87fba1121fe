"""The figures of a result for the model card: one Markdown table, and a sentence about the
any-to-any cells.

Owns: the choice and wording of the figures in the card. Does not own: measuring
(`evaluation.suites.catalogue`), all figures with examples (`evaluation.report.html_page`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import fill

from evaluation.report.figures import HIGH, LOW
from evaluation.result import Result
from evaluation.run_all import AllResults

HEAD = "| suite | what | value |\n| --- | --- | --- |"
ROWS: dict[str, tuple[tuple[str, str], ...]] = {
    "scenes": (
        ("overall", "{overall:i}"),
        ("single object, two objects, counting", "{single_object}, {two_objects}, {counting}"),
        (
            "held-out pairs: colours, relations, colour attribution",
            "{colours}, {position}, {colour_attribution}",
        ),
        ("prompts with four facts and more", "{many_facts:i}"),
        (
            "judge: true renders accepted, one error accepted, round trips accepted",
            "{true_renders}, {false_accepts}, {round_trips}",
        ),
    ),
    "first_wish": (
        (
            "commonest nouns: drawn right or the nearest offered, known, drawn right of these",
            "{answered:i}, {known}, {drawn_right}",
        ),
    ),
    "captions": (("object, count, colour, exact", "{object}, {count}, {colour}, {exact:i}"),),
    "tokenizer": (
        (
            "PSNR, PSNR of objects, share of codes used",
            "{psnr:.1f} dB, {psnr_objects:.1f} dB, {codebook_use}",
        ),
    ),
    "chat": (
        (
            "small talk, out of domain handled, simple facts, requests answered with an image",
            "{small_talk}, {out_of_world}, {knowledge}, {drawn}",
        ),
        (
            "in-world answers, image questions, follow-ups, images correct",
            "{in_world}, {asked:i}, {follow_ups}, {drawn_right}",
        ),
    ),
    "editing": (
        ("done, all else kept, both", "{done}, {kept}, {done_and_kept:i}"),
        (
            "both, of backgrounds, removals, sizes, additions, moves, colours, replacements",
            "{done_and_kept_background}, {done_and_kept_remove}, {done_and_kept_size}, "
            "{done_and_kept_add}, {done_and_kept_move}, {done_and_kept_colour}, "
            "{done_and_kept_replace}",
        ),
    ),
    "retrieval": (
        (
            "recall at 5: text to image, image to text",
            "{text_to_image_r5:i}, {image_to_text_r5}",
        ),
        ("recall at 5: image and edit to the image after", "{composed_r5:i}"),
        (
            "recall at 5: text to video; speech to image",
            "{text_to_video_r5}; {speech_to_image_r5:i}",
        ),
        (
            "text to image with separate representations; chance",
            "{decoupled_text_to_image_r5}, {text_to_image_chance}",
        ),
    ),
    "asr": (
        (
            "word error rate, all voices; held-out voices; output voice",
            "{wer:i}; {wer_heldout_voices}; {wer_output_voice}",
        ),
        ("judge (Whisper tiny.en) on the same clips", "{wer_floor}"),
    ),
    "omni": (
        (
            "is the object heard in the image, which is it, how many: exact match",
            "{omni:i}",
        ),
        (
            "each alone; always answering no to the first",
            "{omni_whether}, {omni_which}, {omni_number}; {always_no}",
        ),
    ),
    "sounds": (
        (
            "sounds named; generated sounds that the judge names",
            "{sound_caption}; {sound_made}",
        ),
        (
            "judge: true sounds named, tokenizer round trips named",
            "{true_sounds}, {round_trips}",
        ),
    ),
    "tts": (
        (
            "word error rate of its speech, by Whisper and by pocketsphinx",
            "{wer:i}, {wer_pocketsphinx}",
        ),
        (
            "tokenizer on the output voice: STOI, word error rate of round trips",
            "{stoi}, {wer_round_trip}",
        ),
        (
            "DNSMOS of its speech, of round trips, of true clips",
            "{mos:.1f}, {mos_round_trip:.1f}, {mos_true:.1f}",
        ),
        (
            "judges on true clips: Whisper, pocketsphinx",
            "{wer_floor}, {wer_floor_pocketsphinx}",
        ),
        (
            "first sound, real-time factor (one thread, shared with other work)",
            "{first_sound_s} s, {rtf}",
        ),
    ),
    "spoken_qa": (
        (
            "correct as text; exact match; correct as heard by the judge",
            "{spoken_qa_text:i}; {spoken_qa_exact}; {spoken_qa_speech}",
        ),
        (
            "answered from audio alone, exact match; judge: true questions understood",
            "{spoken_qa_direct}; {speech_ceiling}",
        ),
        (
            "first sound after the end of a spoken question (one thread, shared with other work)",
            "{first_sound_s} s",
        ),
    ),
    "video": (
        (
            "from text: objects, motion, both",
            "{object:i}, {direction:i}, {both}",
        ),
        ("from a first frame: starts with it and moves as asked", "{animated}"),
        (
            "understanding: objects, count, place; motion; everything described",
            "{understand_object}, {understand_count}, {understand_place}; "
            "{understand_direction:i}; {described}",
        ),
        (
            "judge: true videos, round trips, false ones accepted",
            "{judge_direction}, {roundtrip_direction}, {false_accepts}",
        ),
    ),
    "symmetric": (
        (
            "facts kept there and back: image-text-image, text-image-text, video-text-video, "
            "text-video-text",
            "{describe_then_draw}, {draw_then_describe}, {watch_then_act}, {act_then_watch}",
        ),
        (
            "speech-text-speech, text-speech-text; all six",
            "{listen_then_speak}, {speak_then_listen}; {agreement}",
        ),
    ),
}
"""The lines of each suite: a label, and a template of figures by name, with `i` their intervals."""
WIDTH = 100
UNITS = {"video": " videos", "spoken_qa": " conversations", "symmetric": " a direction"}


@dataclass(frozen=True)
class _Number:
    """A figure formatted with two digits, or as the format says."""

    value: float
    low: float | None
    high: float | None

    def __format__(self, how: str) -> str:
        if how != "i":
            return format(self.value, how or ".2f")
        if self.low is None or self.high is None:
            return f"{self.value:.2f}"
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def card(found: AllResults) -> str:
    """Return the table as Markdown. A missing figure is a dash; a suite that was left out has no
    line."""
    lines = [HEAD]
    for suite, rows in ROWS.items():
        result = found.suites.get(suite)
        if result is None:
            continue
        numbers = _Numbers(result)
        for place, (what, template) in enumerate(rows):
            name = "" if place else f"{suite} ({result.num}{UNITS.get(suite, '')})"
            lines.append(f"| {name} | {what} | {template.format_map(numbers)} |")
    matrix = found.suites.get("matrix")
    return "\n".join([*lines, "", _cells(matrix)] if matrix is not None else lines)


class _Dash:
    """A missing figure."""

    def __format__(self, how: str) -> str:
        return "-"


class _Numbers(dict[str, _Number | _Dash]):
    def __init__(self, result: Result) -> None:
        known: Mapping[str, float] = {**result.judge, **result.metrics}
        super().__init__(
            (name, _Number(value, known.get(f"{name}{LOW}"), known.get(f"{name}{HIGH}")))
            for name, value in known.items()
        )

    def __missing__(self, name: str) -> _Dash:
        return _Dash()


def _cells(matrix: Result) -> str:
    """List the measured cells, and those that the checkpoint was not trained for."""
    tried = {
        name.replace("_", " "): value
        for name, value in matrix.metrics.items()
        if "_to_" in name and not name.endswith((LOW, HIGH))
    }
    said = ", ".join(f"{name} {value:.2f}" for name, value in sorted(tried.items()))
    lacking = ", ".join(sorted(name.replace("_", " ") for name in matrix.left_out))
    lines = [f"The matrix ({matrix.num} cases a cell): {said}."]
    lines += [f"Not trained: {lacking}."] if lacking else []
    return "\n".join(fill(line, WIDTH) for line in lines)
