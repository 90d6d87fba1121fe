"""Speech by a program of its own: what goes to it and comes from it, in its styles, and a
checkpoint of others that hears and speaks with it, in the engine and on the command line."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.__main__ import main as command_line
from engine.api.conversation import Conversation, Part, Turn
from engine.api.errors import DeviceError
from engine.api.events import AudioChunk, Completed, Event, Refined
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from engine.inspection.trace_file import read_trace, trace_bytes
from engine.media.audio import read_sound, resampled, wav_bytes
from engine.media.codec_process import SpeechProcess
from engine.media.external_codec import ExternalSpeechCodec
from flow.modality import Modality
from model.config import CodeRows, OmniConfig
from model.convert.__main__ import main as convert
from model.loading.checkpoint import load_checkpoint
from tests.engine.media.test_codec_process import command
from tests.fake_speech_codec import LOWEST_HZ, STYLE_HZ
from tests.model import coded_models

CONFIG = OmniConfig(code_rows=CodeRows(9, 32, 16, 4096, (8, 0)), audio=None).with_speech()
FEW = Sampling(steps=6)
LOUD = np.sin(np.arange(8000) / 4).astype(np.float32)


def _hz(samples: np.ndarray) -> float:
    """Of the tone that stands out."""
    return float(np.abs(np.fft.rfft(samples)).argmax() * 16_000 / len(samples))


@pytest.fixture(scope="module")
def speech() -> ExternalSpeechCodec:
    found = ExternalSpeechCodec.of(SpeechProcess(command()), CONFIG)
    assert found is not None
    return found


def test_resampling_keeps_length_and_tone() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(22_050) / 22_050).astype(np.float32)
    found = resampled(tone, 22_050)
    assert abs(len(found) - 16_000) < 40
    assert abs(_hz(found) - 440) < 2
    broken = resampled(np.array([np.nan, np.inf, -9.0] * 4000, np.float32), 22_050)
    assert np.isfinite(broken).all()
    assert np.abs(broken).max() <= 1


def test_codes_become_speech_and_codes_again(speech: ExternalSpeechCodec) -> None:
    """At the rate of the engine, as loud as they say."""
    codes = np.repeat(np.array([400, 3000, 1500]), 5)
    samples = speech.decode(codes)
    assert samples.dtype == np.float32
    assert abs(len(samples) - 640 * len(codes)) < 40
    found = speech.encode(samples)
    inside = [1, 2, 3, 6, 7, 8, 11, 12, 13]  # not where the loudness jumps
    assert np.abs(found[inside] - codes[inside]).max() < 150
    assert len(speech.decode(codes[:0])) == 0


def test_every_style_sounds_different(speech: ExternalSpeechCodec) -> None:
    assert len(set(speech.styles)) == 24
    assert speech.styles[0] == "female-neutral-normal"
    codes = np.full(50, 2000)
    for i in (0, 1, 23):
        found = _hz(speech.decode(codes, speech.styles[i]))
        assert abs(found - (LOWEST_HZ + STYLE_HZ * i)) < 5
    assert np.array_equal(speech.decode(codes), speech.decode(codes, speech.styles[0]))


def test_what_does_not_fit_is_refused(speech: ExternalSpeechCodec) -> None:
    with pytest.raises(ValueError, match="has 512 codes, and the checkpoint 4096"):
        ExternalSpeechCodec.of(SpeechProcess(command("other codes")), CONFIG)
    with pytest.raises(ValueError, match="ended before it was ready: No module named"):
        ExternalSpeechCodec.of(SpeechProcess(command("absent")), CONFIG)
    odd = ExternalSpeechCodec.of(SpeechProcess(command("outside")), CONFIG)
    assert odd is not None
    with pytest.raises(DeviceError, match=r"gives codes outside of 0\.\.4095"):
        odd.encode(LOUD)
    with pytest.raises(ValueError, match="no speech can be heard"):
        speech.encode(LOUD[:99])


@pytest.fixture(scope="module")
def dynin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dynin")
    source = coded_models.save("dynin", folder / "source")
    assert convert(["dynin", str(source), str(folder / "out")]) == 0
    return folder / "out"


@pytest.fixture(scope="module")
def engine(dynin: Path) -> Engine:
    return Engine.load(dynin, "cpu", speech=command())


def _events(engine: Engine, request: Request) -> tuple[list[Event], Completed]:
    events = list(engine.generate(request))
    last = events[-1]
    assert isinstance(last, Completed)
    return events, last


def test_words_are_said_in_a_style(engine: Engine) -> None:
    """All at once, when every code is there; the codes do not depend on the style."""
    asked = Request(Conversation.ask("A red heart."), Modality.AUDIO, FEW)
    events, usual = _events(engine, asked)
    (answer,) = usual.answers
    (sounded,) = (e for e in events if isinstance(e, AudioChunk))
    assert answer.audio is not None
    assert np.array_equal(sounded.samples, answer.audio)
    assert sounded.last
    assert abs(len(answer.audio) - 640 * len(answer.tokens)) < 40
    assert 0 <= answer.tokens.min() <= answer.tokens.max() < 4096
    assert len([e for e in events if isinstance(e, Refined)]) == 6
    _, other = _events(engine, replace(asked, style="male-angry-low"))
    assert np.array_equal(other.answers[0].tokens, answer.tokens)
    assert other.answers[0].audio is not None
    assert abs(_hz(other.answers[0].audio) - _hz(answer.audio) - 23 * STYLE_HZ) < 5
    ((batched,),) = engine.generate_batch([replace(asked, style="male-angry-low")])
    assert np.array_equal(batched.audio, other.answers[0].audio)  # pyright: ignore
    with pytest.raises(ValueError, match="unknown style 'shouting': choose one of female-neutral"):
        list(engine.generate(replace(asked, style="shouting")))


def test_a_trace_keeps_the_style(engine: Engine) -> None:
    recorder = engine.recorder()
    asked = Request(Conversation.ask("Hi"), Modality.AUDIO, FEW, style="male-sad-low")
    for event in engine.generate(asked):
        recorder.see(event)
    assert read_trace(trace_bytes(recorder.trace())).request.style == "male-sad-low"


def test_speech_is_written_down_answered_and_spoken(engine: Engine) -> None:
    asked = Request(Conversation.ask("", audio=LOUD), None, FEW, aloud=True)
    _, done = _events(engine, asked)
    heard, told, *spoken = done.answers
    assert heard.heard and not told.heard
    assert heard.transcript_bits is None, "it does not read from left to right"
    assert [a.modality for a in spoken] == ([Modality.AUDIO] if told.text else [])
    long = Request(Conversation.ask("", audio=np.tile(LOUD, 40)), None, FEW)
    _, done = _events(engine, long)
    assert [a.heard for a in done.answers] == [True, True], "15.36 s are heard at once"


def test_earlier_sounds_are_left_out(engine: Engine) -> None:
    """Of the conversation their words are kept."""
    before = (
        Turn("user", (Part(text="hi", audio=LOUD),)),
        Turn("assistant", (Part(audio=LOUD),)),
    )
    question = Conversation.ask("What did you say?")
    asked = Request(Conversation((*before, *question.turns)), Modality.TEXT, FEW)
    assert {s.modality for s in engine.builder.prompt_of(asked, Modality.TEXT)} == {Modality.TEXT}


@pytest.mark.parametrize(
    ("to", "media", "sentence"),
    [
        (Modality.AUDIO, ("audio",), "says words alone"),
        (Modality.TEXT, ("audio", "image"), "hears a sound or sees a picture"),
        (Modality.IMAGE, ("audio",), "draws from words"),
    ],
)
def test_what_goes_into_no_task_is_refused(
    seeing: Engine, to: Modality, media: Sequence[str], sentence: str
) -> None:
    given = {"audio": LOUD, "image": np.zeros((64, 64, 3), np.uint8)}
    asked = Conversation.ask("What is it?", **{name: given[name] for name in media})
    with pytest.raises(ValueError, match=sentence):
        list(seeing.generate(Request(asked, to, FEW)))


@pytest.fixture(scope="module")
def seeing(dynin: Path, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """With its picture tokenizer, in another folder."""
    folder = tmp_path_factory.mktemp("seeing")
    eyes = coded_models.save_magvit(folder / "magvit")
    source = str(dynin.parent / "source")
    assert convert(["dynin", source, str(folder / "out")]) == 0
    assert convert(["magvit", str(eyes), str(folder / "out")]) == 0
    return Engine.load(folder / "out", "cpu", speech=command())


def test_info_says_what_there_is_and_what_is_missing(dynin: Path, engine: Engine) -> None:
    told = engine.info()
    assert told["modalities"] == ["text", "audio"]
    assert len(told["styles"]) == 24
    assert told["hears_s"] == 15.36
    assert set(told["lacking"]) == {"image", "video"}
    without = Engine.load(dynin, "cpu").info()
    assert (without["styles"], without["modalities"]) == ([], ["text"])
    assert "--speech-codec COMMAND" in without["lacking"]["audio"]


def test_a_codec_that_nothing_can_use_is_refused(tiny_checkpoint: Path, dynin: Path) -> None:
    with pytest.raises(ValueError, match="tiny has no codes of speech"):
        Engine.load(tiny_checkpoint, "cpu", speech=command())
    with pytest.raises(ValueError, match="cannot be started: /nowhere"):
        Engine.load(dynin, "cpu", speech="/nowhere")
    with pytest.raises(ValueError, match="no codes of speech"):
        load_checkpoint(tiny_checkpoint, speech=True)


def test_one_that_fails_at_work_is_told_as_a_sentence(dynin: Path) -> None:
    engine = Engine.load(dynin, "cpu", speech=command("dies"))
    asked = Request(Conversation.ask("A red heart."), Modality.AUDIO, FEW)
    with pytest.raises(DeviceError, match="the speech codec ended twice"):
        list(engine.generate(asked))


def test_the_command_line_hears_and_speaks(
    dynin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--checkpoint", str(dynin), "--device", "cpu"]
    run = ["generate", *common, "--speech-codec", command(), "--steps", "6"]
    out = tmp_path / "said.wav"
    said = [*run, "--to", "audio", "--prompt", "A dog", "--out", str(out)]
    assert command_line([*said, "--style", "female-neutral-high"]) == 0
    assert abs(_hz(read_sound(out)) - LOWEST_HZ - STYLE_HZ) < 5
    (tmp_path / "asked.wav").write_bytes(wav_bytes(LOUD))
    assert command_line([*run, "--to", "text", "--audio", str(tmp_path / "asked.wav")]) == 0
    assert command_line([*said, "--style", "shouting"]) == 2
    assert "unknown style 'shouting'" in capsys.readouterr().err
    silent = ["generate", *common, "--to", "audio", "--prompt", "A dog", "--out", str(out)]
    assert command_line(silent) == 2
    assert "start with `--speech-codec COMMAND`" in capsys.readouterr().err
