"""The command line trains, exports and continues; missing stages and other sizes are refused."""

from pathlib import Path

import pytest
import torch

from model.loading.checkpoint import load_checkpoint
from model.network.probes import EDIT_TARGET, PICTURE, REFERRED, SOUND
from model.presets import PRESETS
from tests.training.few import FEW, spoken
from training.__main__ import main


@pytest.fixture
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pools that are made in a moment."""
    for name, value in FEW.items():
        monkeypatch.setattr(name, value)


@pytest.mark.usefixtures("_few")
def test_the_command_line_trains_exports_and_goes_on(tmp_path: Path) -> None:
    """From nothing to a checkpoint, and from a checkpoint to a better one."""
    common = ["--preset", "tiny", "--runs", str(tmp_path / "runs"), "--device", "cpu"]
    brief = [*common, "--minutes", "0.01", "--scenes", "40"]
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    speech = spoken(tmp_path / "speech")
    assert main(["vision", *brief]) == 0
    assert main(["audio", *brief, *speech, "--from-scratch"]) == 0
    assert main(["flow", *brief, *speech]) == 0
    assert main(["export", *common, "--out", first]) == 0
    assert main(["flow", *brief, *speech, "--start", first]) == 0
    assert main(["export", *common, "--start", first, "--out", second]) == 0
    before, after = (load_checkpoint(Path(folder)) for folder in (first, second))
    assert after.facts["flow_steps"] > before.facts["flow_steps"] > 0
    assert after.digest != before.digest
    for name, tensor in before.model.vision.state_dict().items():
        torch.testing.assert_close(after.model.vision.state_dict()[name], tensor)
    for checkpoint in (before, after):
        assert checkpoint.landmarks is not None
        assert set(checkpoint.landmarks.names) == {PICTURE, SOUND}
        assert checkpoint.prompts is not None
        assert set(checkpoint.prompts.names) == {PICTURE, SOUND, REFERRED, EDIT_TARGET}
    _two_lessons_in_one(tmp_path, brief, common, first, second, speech)


def _two_lessons_in_one(
    folder: Path, brief: list[str], common: list[str], first: str, second: str, speech: list[str]
) -> None:
    """Another run from the first checkpoint, with one lesson, and the mean of both."""
    other, out = folder / "other", str(folder / "third")
    other.mkdir()
    for stage in ("vision-tiny", "audio-tiny"):
        (other / stage).symlink_to(folder / "runs" / stage)
    arm = [*brief, *speech, "--start", first, "--kinds", "image", "--runs", str(other)]
    assert main(["flow", *arm]) == 0
    single = [*common, "--start", first, "--runs", str(other), "--out", str(folder / "alone")]
    assert main(["export", *single]) == 0
    assert main(["export", *common, "--start", first, "--also", str(other), "--out", out]) == 0
    kept, run, lesson, both = (
        load_checkpoint(Path(p)) for p in (first, second, str(folder / "alone"), out)
    )
    for key in ("flow_steps", "flow_pictures_seen"):
        grown = [c.facts[key] - kept.facts[key] for c in (run, lesson, both)]
        assert grown[2] == grown[0] + grown[1] > 0
    name = "backbone.norm.weight"
    weights = [c.model.state_dict()[name] for c in (run, lesson, both)]
    torch.testing.assert_close(weights[2], (weights[0] + weights[1]) / 2, atol=1e-3, rtol=1e-3)


@pytest.mark.usefixtures("_few")
def test_a_checkpoint_without_sound_learns_to_hear(tmp_path: Path) -> None:
    common = ["--preset", "tiny", "--runs", str(tmp_path / "runs"), "--device", "cpu"]
    brief = [*common, "--minutes", "0.01", "--scenes", "40"]
    deaf, hearing = tmp_path / "deaf", tmp_path / "hearing"
    assert main(["vision", *brief]) == 0
    assert main(["flow", *brief, "--without-audio"]) == 0
    assert main(["export", *common, "--without-audio", "--out", str(deaf)]) == 0
    assert load_checkpoint(deaf).model.config.audio is None
    speech = spoken(tmp_path / "speech")
    for clip in (tmp_path / "speech").glob("test-*"):
        clip.unlink()  # nothing to report of, which is no reason to lose what was learned
    assert main(["audio", *brief, *speech, "--from-scratch"]) == 0
    assert main(["flow", *brief, *speech, "--start", str(deaf)]) == 0
    assert main(["export", *common, "--start", str(deaf), "--out", str(hearing)]) == 0
    model = load_checkpoint(hearing).model
    assert model.config.audio == PRESETS["tiny"].audio
    trained = torch.load(tmp_path / "runs/audio-tiny/state.pt", weights_only=True)["average"]
    kept = trained["tokenizer.quantizer.codebooks"].half().float()
    torch.testing.assert_close(model.audio.quantizer.codebooks, kept)


@pytest.mark.usefixtures("_few")
def test_an_ear_of_another_size_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    large = {"layer_norm.weight": torch.zeros(384)}
    monkeypatch.setattr("training.__main__.encoder_weights", lambda _: large)
    speech = spoken(tmp_path / "speech")
    asked = ["--preset", "tiny", "--runs", str(tmp_path / "runs"), "--device", "cpu", *speech]
    assert main(["audio", *asked]) == 2
    assert "train one --from-scratch" in capsys.readouterr().err


@pytest.mark.usefixtures("_few")
def test_a_stage_without_the_one_before_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["flow", "--preset", "tiny", "--runs", str(tmp_path)]) == 2
    assert "run `python -m training vision` first" in capsys.readouterr().err
