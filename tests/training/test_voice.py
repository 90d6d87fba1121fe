"""The voice stage changes how codes sound and nothing else; critics learn to tell, the decoder not
to be told."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.audio import POSITION, AudioTokenizer
from model.checkpoint import load_checkpoint, save_checkpoint
from model.omni import OmniModel
from model.presets import PRESETS
from model.text import TextTokenizer
from tests.training.few import spoken
from training.__main__ import main
from training.critics import Critics
from training.heard import Heard
from training.speech import encode_clips
from training.voice import DECODER, VoiceStage
from world.sounds import SOUND
from world.speech import Clip
from world.voices import OUTPUT_VOICE

CONFIG = PRESETS["tiny"]
POSITIONS = 24


def _clips() -> list[Clip]:
    times = np.arange(POSITIONS * POSITION) / 16_000
    return [
        Clip(f"c{i}", "hello", voice, 0.1 * np.sin(2 * np.pi * hz * times).astype(np.float32))
        for i, (voice, hz) in enumerate(((OUTPUT_VOICE, 200), (OUTPUT_VOICE, 310), (SOUND, 500)))
    ]


@pytest.fixture
def tokenizer() -> AudioTokenizer:
    torch.manual_seed(0)
    assert CONFIG.audio is not None
    return AudioTokenizer(CONFIG.audio)


@pytest.fixture
def stage(tokenizer: AudioTokenizer, tmp_path: Path) -> VoiceStage:
    clips = _clips()
    return VoiceStage(tokenizer, clips, encode_clips(tokenizer, clips, tmp_path / "c.npz"), clips)


def _pair() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(2, 3000, requires_grad=True), torch.randn(2, 3000)


def test_each_side_learns_from_its_own_loss_alone() -> None:
    critics = Critics(4)
    decoded, recorded = _pair()
    critics.own(decoded, recorded).backward()
    assert decoded.grad is None
    assert all(p.grad is not None and bool(p.grad.any()) for p in critics.parameters())
    critics.zero_grad()
    told, apart = critics.fooled(decoded, recorded)
    (told + apart).backward()
    assert decoded.grad is not None
    assert bool(decoded.grad.any())
    assert all(p.grad is None for p in critics.parameters())


def test_what_is_the_same_lies_nowhere_apart() -> None:
    _, recorded = _pair()
    told, apart = Critics(4).fooled(recorded, recorded)
    assert float(apart) == 0
    assert float(told) > 0


def test_critics_learn_to_tell_a_hum_from_hiss() -> None:
    torch.manual_seed(0)
    critics, hum = Critics(4), _clips()[0].samples[:3000]
    hiss = 0.07 * torch.randn(4, 3000)
    recorded = torch.from_numpy(hum).expand(4, -1) * torch.rand(4, 1)
    optimiser = torch.optim.AdamW(critics.parameters(), 3e-3)
    losses: list[float] = []
    for _ in range(40):
        loss = critics.own(hiss, recorded)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.3 * losses[0]


def test_only_the_decoder_learns_and_codes_stay(stage: VoiceStage) -> None:
    model = stage.model
    samples = torch.from_numpy(np.stack([c.samples for c in _clips()]))
    codes, sounded = model.encode(samples), model.decode(model.encode(samples)).detach()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, 1e-3)
    for step in (0, 500):
        loss, figures, num = stage.loss(step)
        assert np.isfinite(list(figures.values())).all()
        assert num > 0
        loss.backward()
        optimiser.step()
    for name, p in model.named_parameters():
        assert torch.equal(p, before[name]) == (name.split(".")[0] not in DECODER), name
    assert torch.equal(model.encode(samples), codes)
    assert not torch.allclose(model.decode(codes), sounded)


def test_nothing_long_in_the_output_voice_is_said(tokenizer: AudioTokenizer) -> None:
    (clip, *_) = _clips()
    short = Heard(clip.sentence, clip.voice, np.zeros((3, 2), np.uint16))
    with pytest.raises(ValueError, match="nothing long in the output voice"):
        VoiceStage(tokenizer, [clip], [short], [])


def test_the_command_line_trains_a_voice_and_keeps_the_rest(
    tmp_path: Path, tiny_tokenizer: TextTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.voice.CROP", 10)
    first, out = tmp_path / "first", tmp_path / "second"
    save_checkpoint(first, OmniModel(CONFIG, tiny_tokenizer.space()), tiny_tokenizer, {})
    common = ["--preset", "tiny", "--runs", str(tmp_path / "runs"), "--start", str(first)]
    speech = spoken(tmp_path / "speech")
    brief = [*common, *speech, "--device", "cpu", "--minutes", "0.01"]
    assert main(["voice", *brief]) == 0
    assert main(["export", *common, "--out", str(out)]) == 0
    before, after = load_checkpoint(first).model.state_dict(), load_checkpoint(out)
    assert after.facts["voice_steps"] > 0
    for name, tensor in after.model.state_dict().items():
        part = name.split(".")
        decodes = part[0] == "audio" and part[1] in DECODER
        if not decodes:
            assert torch.equal(tensor, before[name]), name
    changed = [n for n, x in after.model.state_dict().items() if not torch.equal(x, before[n])]
    assert changed


def test_a_voice_needs_a_checkpoint_that_speaks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["voice", "--preset", "tiny", "--runs", str(tmp_path)]) == 2
    assert "name it by --start" in capsys.readouterr().err
