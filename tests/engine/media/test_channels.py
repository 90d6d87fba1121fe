"""Whatever the channels, tracks, levels and names of a recording: what is in it is heard."""

import io
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from engine.media.audio import read_sound
from model.tokenizers.whisper_encoder import SAMPLE_RATE
from tests.engine.media.tones import HZ, is_the_tone, sound_file, tone


def _channels(*columns: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.stack(columns, 1), SAMPLE_RATE, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


@pytest.mark.parametrize("peak", [1.5, 6.0, 400.0])
def test_a_float_sound_above_one_is_scaled_and_not_cut_off(peak: float) -> None:
    samples = read_sound(_channels(tone() / 0.3 * peak))
    assert is_the_tone(samples)
    strength = np.square(np.abs(np.fft.rfft(samples)))
    near = np.abs(np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE) - HZ) < 20
    assert strength[~near].sum() < 0.01 * strength.sum()


def test_channels_that_cancel_out_are_heard() -> None:
    silent = np.zeros_like(tone())
    assert is_the_tone(read_sound(_channels(tone(), -tone())))
    for place in range(6):
        six = [silent] * 6
        six[place] = tone()
        assert is_the_tone(read_sound(_channels(*six))), place


def _tracks(*sounds: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as out:
        streams = [out.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono") for _ in sounds]
        for stream, sound in zip(streams, sounds, strict=True):
            whole = av.AudioFrame.from_ndarray(
                (sound * 32767).astype(np.int16)[None], "s16", "mono"
            )
            whole.sample_rate, whole.pts = SAMPLE_RATE, 0
            for frame in (whole, None):
                out.mux(stream.encode(frame))
    return buffer.getvalue()


def test_of_several_tracks_the_one_with_sound_is_heard() -> None:
    silent = np.zeros_like(tone())
    assert is_the_tone(read_sound(_tracks(silent, tone())))
    assert is_the_tone(read_sound(_tracks(silent, silent, tone())))
    with pytest.raises(ValueError, match="nothing can be heard"):
        read_sound(_tracks(silent, silent))


@pytest.mark.parametrize("name", ["04:23-50.wav", "-i.wav", "http:x.wav"])
def test_odd_names_are_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).write_bytes(sound_file("WAV", "PCM_16"))
    monkeypatch.chdir(tmp_path)
    assert is_the_tone(read_sound(name))
