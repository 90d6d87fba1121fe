"""The decoder of speech codes: as long as its codes say, and as the published graph computes."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from model.convert import speech_decoder as convert
from model.tokenizers.speech_codes import SYMBOLS, unpack
from model.tokenizers.speech_decoder import BANDS, HOP, SAMPLE_RATE, SpeechDecoder, pulses

TOOLS = ("hibari", "onnx", "onnxruntime")
needs_tools = pytest.mark.skipif(
    any(find_spec(name) is None for name in TOOLS),
    reason="hibari-tts, onnx and onnxruntime are not installed: the extra speech-codes",
)


def _codes(num: int = 12) -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.integers(0, 512, (num, 2))


@pytest.fixture(scope="module")
def decoder() -> SpeechDecoder:
    torch.manual_seed(0)
    return SpeechDecoder().eval().requires_grad_(False)


def test_samples_are_as_many_as_the_durations_say(decoder: SpeechDecoder) -> None:
    samples = decoder.decode(_codes())
    assert samples.dtype == np.float32
    assert len(samples) == HOP * len(unpack(_codes()).f0)
    assert np.isfinite(samples).all()
    assert len(decoder.decode(_codes()[:0])) == 0


def test_the_seed_draws_the_noise(decoder: SpeechDecoder) -> None:
    assert np.array_equal(decoder.decode(_codes(), 3), decoder.decode(_codes(), 3))
    assert not np.array_equal(decoder.decode(_codes(), 3), decoder.decode(_codes(), 4))


def test_pulses_come_at_f0() -> None:
    train = pulses(torch.full((80,), 200.0))
    spectrum = torch.fft.rfft(train).abs()
    assert len(train) == SAMPLE_RATE
    assert int(spectrum[50:].argmax()) + 50 in range(200, 11_000, 200)
    loud = (spectrum > spectrum.max() / 2).nonzero().flatten()
    assert set((loud % 200).tolist()) <= {0, 1, 199}
    assert not pulses(torch.zeros(4)).any()


def test_another_file_is_refused(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match="no decoder of speech"):
        SpeechDecoder.load(tmp_path / "x.safetensors")


@needs_tools
def test_the_port_agrees_with_the_published_graph() -> None:
    """Its matrices are int8 and so are what enters them there, here they are float32."""
    decoder = SpeechDecoder().eval()
    decoder.load_state_dict(convert.installed_weights())
    spoken = unpack(np.array([[0, 0], [SYMBOLS.index("d") * 8 + 1, 200], [51, 300], [0, 0]] * 3))
    graph = convert.half(
        convert.installed_file(),
        (convert.IDS, convert.DURATIONS, convert.F0, convert.ENERGY),
        convert.SPECTRA,
    )
    vocabulary = import_module("hibari").Hibari().vocab
    ids = [0 if i == 0 else vocabulary[SYMBOLS[i]] for i in spoken.symbols]
    theirs = graph.run(
        None,
        {
            convert.IDS: np.array([ids]),
            convert.DURATIONS: spoken.durations.astype(np.float32),
            convert.F0: spoken.f0[None],
            convert.ENERGY: spoken.energy[None],
        },
    )
    with torch.inference_mode():
        ours = decoder.spectra(
            torch.from_numpy(spoken.symbols),
            torch.from_numpy(spoken.durations),
            torch.from_numpy(spoken.f0),
            torch.from_numpy(spoken.energy),
        )
    for mine, other in zip(ours, theirs, strict=True):
        far = np.abs(mine.numpy() - other[0])
        assert far.max() < 1.0
        assert far.mean() < 0.08
    noise = np.random.default_rng(0).standard_normal((BANDS, 2 * len(spoken.f0)), dtype=np.float32)
    parts = tuple(torch.from_numpy(x[0]) for x in theirs)
    samples = decoder.synthesis(
        parts, torch.from_numpy(spoken.f0), torch.from_numpy(noise.view(np.complex64))
    )
    wanted = import_module("hibari.dsp").synth(
        *(x[0] for x in theirs), spoken.f0, np.random.default_rng(0)
    )
    assert np.abs(samples.numpy() - wanted).max() < 0.02 * np.abs(wanted).max()
