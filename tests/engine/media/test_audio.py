"""Sounds come in at one rate and loudness, whatever the file, and go out without loss; a long one
is cut where it is quiet."""

import io
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import av
import numpy as np
import pytest
import soundfile

from engine.media.audio import (
    from_pcm16,
    note_in_sound,
    pcm16,
    pieces_of,
    read_sound,
    wav_bytes,
)
from model.tokenizers.whisper_encoder import SAMPLE_RATE
from tests.engine.media.refusals import KINDS, refused
from tests.engine.media.tones import SECONDS, is_the_tone, sound_file, tone

Codec = Literal["aac", "libopus"]


def _film(form: str, *, codec: Codec | None, pictures: bool) -> bytes:
    """A tone and grey pictures, or one of them, as PyAV writes them."""
    rate, buffer = 48_000, io.BytesIO()
    with av.open(buffer, "w", format=form) as out:
        audio = None if codec is None else out.add_stream(codec, rate=rate, layout="mono")
        if pictures:
            video = out.add_stream("mpeg4", rate=10, width=32, height=32, pix_fmt="yuv420p")
            grey = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 99, np.uint8), "rgb24")
            for frame in (grey, None):
                out.mux(video.encode(frame))
        if audio is not None:
            whole = av.AudioFrame.from_ndarray(tone(rate)[None], "fltp", "mono")
            whole.sample_rate, whole.pts = rate, 0
            fitted = av.AudioResampler(audio.format, "mono", rate, audio.frame_size or 1024)
            for frame in [*fitted.resample(whole), *fitted.resample(None), None]:
                out.mux(audio.encode(frame))
    return buffer.getvalue()


def _wav(samples: np.ndarray, rate: int, tag: bytes = b"") -> bytes:
    """A 16-bit WAV file, written by hand, with a title if there is one."""
    body = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)
    if tag:
        title = b"INFOINAM" + struct.pack("<I", len(tag)) + tag
        body += b"LIST" + struct.pack("<I", len(title)) + title
    body += b"data" + struct.pack("<I", 2 * len(samples)) + pcm16(samples)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


@pytest.mark.parametrize(
    ("form", "kind", "rate", "channels"),
    [
        ("WAV", "PCM_16", 16_000, 1),
        ("WAV", "PCM_U8", 8_000, 1),
        ("WAV", "PCM_24", 48_000, 2),
        ("WAV", "FLOAT", 44_100, 2),
        ("WAV", "ULAW", 16_000, 1),
        ("FLAC", "PCM_16", 48_000, 1),
        ("OGG", "VORBIS", 48_000, 2),
        ("OGG", "OPUS", 48_000, 1),
        ("MP3", "MPEG_LAYER_III", 44_100, 2),
    ],
)
def test_every_file_becomes_one_channel_at_16_khz(
    form: str, kind: str, rate: int, channels: int
) -> None:
    heard = read_sound(sound_file(form, kind, rate, channels))
    assert is_the_tone(heard)
    if form in ("WAV", "FLAC"):
        assert len(heard) == round(SECONDS * SAMPLE_RATE)


@pytest.mark.parametrize("pictures", [False, True])
def test_what_a_camera_records_is_heard(pictures: bool) -> None:
    assert is_the_tone(read_sound(_film("mp4", codec="aac", pictures=pictures)))


def test_what_a_browser_records_is_heard() -> None:
    assert is_the_tone(read_sound(_film("webm", codec="libopus", pictures=False)))


def test_a_path_is_read_as_its_bytes(tmp_path: Path) -> None:
    content = sound_file("FLAC", "PCM_16")
    file = tmp_path / "tone.flac"
    file.write_bytes(content)
    for source in (file, str(file)):
        assert np.array_equal(read_sound(source), read_sound(content))


def test_a_constant_offset_is_not_heard() -> None:
    assert is_the_tone(read_sound(_wav(tone() + 0.5, SAMPLE_RATE)))


def test_samples_that_are_no_numbers_are_silent() -> None:
    broken = tone()
    broken[::1000] = np.nan
    broken[1::1000] = np.inf
    buffer = io.BytesIO()
    soundfile.write(buffer, broken, SAMPLE_RATE, format="WAV", subtype="FLOAT")
    assert is_the_tone(read_sound(buffer.getvalue()))


def test_tags_in_any_alphabet_do_no_harm() -> None:
    assert is_the_tone(read_sound(_wav(tone(), SAMPLE_RATE, "süß\0".encode("latin-1"))))


def test_two_recordings_in_one_file_are_heard_or_refused() -> None:
    """The first has one channel, the second has two."""
    mono, stereo = (sound_file("MP3", "MPEG_LAYER_III", 44_100, channels) for channels in (1, 2))
    found = _heard_or_refused(mono + stereo)
    if isinstance(found, str):
        assert "is not a sound that can be read" in found
    else:
        assert len(found) == pytest.approx(2 * SECONDS * SAMPLE_RATE, abs=0.1 * SAMPLE_RATE)


def _heard_or_refused(content: bytes) -> np.ndarray | str:
    try:
        return read_sound(content)
    except ValueError as error:
        return str(error)


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "is not a sound that can be read: use a WAV, MP3"),
    "text": (lambda: b"hello, this is no sound at all.\n" * 99, "is not a sound that can be read"),
    "broken header": (lambda: b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(40), "is not a sound"),
    "noise": (lambda: np.random.default_rng(0).bytes(5000), "is not a sound that can be read"),
    "cut header": (lambda: sound_file("WAV", "PCM_16")[:20], "is not a sound that can be read"),
    "header only": (lambda: _wav(tone(), SAMPLE_RATE)[:44], "shorter than 0.2 s: record"),
    "cut flac": (lambda: sound_file("FLAC", "PCM_16")[:-99], "is not a sound that can be read"),
    "cut film": (lambda: _film("mp4", codec="aac", pictures=True)[:2000], "is not a sound"),
    "silent film": (lambda: _film("mp4", codec=None, pictures=True), "no sound: choose a record"),
    "silence": (lambda: _wav(np.zeros(9999), SAMPLE_RATE), "nothing can be heard in"),
    "a whisper": (lambda: _wav(tone() / 400, SAMPLE_RATE), "is the microphone on?"),
    "too short": (lambda: _wav(tone(seconds=0.19), SAMPLE_RATE), "shorter than 0.2 s"),
    "too long": (lambda: _wav(tone(200, 601.0), 200), "longer than 10 minutes: please cut it"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_heard_is_refused_with_one_sentence(case: str) -> None:
    make, sentence = REFUSED[case]
    with pytest.raises(ValueError, match=re.escape(sentence)) as refused:
        read_sound(make())
    assert "the recording" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_names_the_file(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "voice.wav"
    with pytest.raises(ValueError, match=refused(kind, file, "is not a sound")):
        read_sound(file)


def test_a_list_of_files_opens_none_of_them(tmp_path: Path) -> None:
    """An upload must not lead to what lies beside it."""
    (tmp_path / "another.wav").write_bytes(sound_file("WAV", "PCM_16"))
    listing = tmp_path / "upload.wav"
    listing.write_text("ffconcat version 1.0\nfile another.wav\n")
    with pytest.raises(ValueError, match=r"upload\.wav is not a sound"):
        read_sound(listing)


@pytest.mark.parametrize("seconds", [1.0, 2.0, 2.01, 7.3])
def test_pieces_join_to_the_whole_and_none_is_too_long(seconds: float) -> None:
    samples = np.random.default_rng(0).normal(size=round(seconds * SAMPLE_RATE))
    pieces = pieces_of(samples, 2.0)
    assert np.array_equal(np.concatenate(pieces), samples)
    assert max(len(p) for p in pieces) <= 2.0 * SAMPLE_RATE
    assert min(len(p) for p in pieces) > 0
    assert min((len(p) for p in pieces[:-1]), default=SAMPLE_RATE) >= SAMPLE_RATE
    assert (len(pieces) == 1) == (seconds <= 2.0)


@pytest.mark.parametrize("gap_s", [1.1, 1.4, 1.85])
def test_a_cut_lies_in_the_gap(gap_s: float) -> None:
    samples = np.random.default_rng(0).normal(size=3 * SAMPLE_RATE).astype(np.float32)
    start, end = round(gap_s * SAMPLE_RATE), round((gap_s + 0.12) * SAMPLE_RATE)
    samples[start:end] *= 0.01
    first, _ = pieces_of(samples, 2.0)
    assert start <= len(first) <= end


def test_16_bits_keep_a_sound() -> None:
    samples = np.concatenate([tone(), np.array([-1, 1, 0, 2], np.float32)])
    kept = from_pcm16(pcm16(samples))
    assert kept.dtype == np.float32
    assert kept == pytest.approx(samples.clip(-1, 1), abs=2**-16)
    assert pcm16(kept) == pcm16(samples)
    with pytest.raises(ValueError, match="the recording is broken: please record it again"):
        from_pcm16(pcm16(samples)[:-1])


@pytest.mark.parametrize("note", ["", "prompt: ein süßer Hund 🐶"])
def test_a_wav_file_keeps_samples_and_note(note: str) -> None:
    content = wav_bytes(tone(), note)
    samples, rate = soundfile.read(io.BytesIO(content), dtype="float32")
    assert rate == SAMPLE_RATE
    assert samples == pytest.approx(tone(), abs=2**-15)
    assert note_in_sound(content) == (note or None)
    assert content == wav_bytes(tone(), note)
    assert is_the_tone(read_sound(content))


def test_what_is_too_loud_is_cut_off_and_does_not_turn_over() -> None:
    loud = np.array([3.0, 1.5, -1.5, -3.0], np.float32)
    for kept in (from_pcm16(pcm16(loud)), soundfile.read(io.BytesIO(wav_bytes(loud)))[0]):
        assert kept == pytest.approx([1, 1, -1, -1], abs=1e-4)


def test_a_broken_wav_file_has_no_note_and_says_so() -> None:
    with pytest.raises(ValueError, match="this WAV file cannot be read"):
        note_in_sound(b"RIFF")
