"""A program of its own: it answers what it is asked, never for longer than it may, and whatever
happens to it is one sentence."""

import gc
import json
import os
import shlex
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from engine.api.errors import DeviceError
from engine.media.codec_process import SpeechProcess
from tests.page_server import until

FAKE = Path(__file__).resolve().parents[2] / "fake_speech_codec.py"


def command(fault: str = "") -> str:
    return shlex.join([sys.executable, str(FAKE), *([fault] if fault else [])])


def _encoded(process: SpeechProcess, num: int = 640) -> int:
    content = process.ask(np.ones(num, "<f4").tobytes(), do="encode")
    return len(content) // 8


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_it_says_what_it_is_and_answers_again_and_again() -> None:
    process = SpeechProcess(command())
    assert process.greeting()["rate_hz"] == 22_050
    assert [_encoded(process, 640 * n) for n in (1, 7, 2)] == [1, 7, 2]


@pytest.mark.parametrize("fault", ["", "chatters"])
def test_more_than_the_pipes_hold_goes_through_both_ways(fault: str) -> None:
    """Nobody waits for the other: 8 MB one way, 20 MB the other, half a MB of chatter."""
    process = SpeechProcess(command(fault), answer_s=60)
    assert _encoded(process, 2_000_000 // 640 * 640) == 3125
    codes = np.zeros(6000, "<i8").tobytes()
    style = process.greeting()["styles"][0]
    assert len(process.ask(codes, do="decode", style=style)) == 4 * 882 * 6000


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("", "cannot be started: no command"),
        ("/nowhere/python codec.py", "cannot be started: /nowhere/python: .*No such file"),
        ("python 'codec.py", "command is cut off"),
        (command("absent"), "ended before it was ready: No module named 'emova_speech_tokenizer'"),
        (command("prints"), "is not understood .it says b'loading the weights"),
        (command("silent"), r"did not answer within 1 s"),
    ],
)
def test_one_that_does_not_start_says_why(words: str, sentence: str) -> None:
    with pytest.raises(DeviceError, match=f"the speech codec('s)? {sentence}"):
        SpeechProcess(words, start_s=1 if "silent" in words else 60).greeting()


def test_what_it_cannot_do_is_told_in_its_own_words_and_it_goes_on() -> None:
    process = SpeechProcess(command("unable"))
    for _ in range(2):
        with pytest.raises(DeviceError, match="says: RuntimeError: the sound is too odd"):
            _encoded(process)
    with pytest.raises(DeviceError, match="nothing known is asked"):
        process.ask(b"", do="sing")


def test_it_is_started_again_once(tmp_path: Path) -> None:
    mark = tmp_path / "died"
    assert _encoded(SpeechProcess(command(f"once:{mark}"))) == 1
    assert mark.exists()
    process = SpeechProcess(command("dies"))
    for _ in range(2):
        with pytest.raises(
            DeviceError, match=r"ended twice at the same work: .*I am out of memory"
        ):
            _encoded(process)


def test_one_that_is_stuck_is_ended_and_started_anew() -> None:
    process = SpeechProcess(command("stuck"), answer_s=0.5)
    process.greeting()
    pid = process._child._finish.peek()[2][0].pid  # pyright: ignore
    with pytest.raises(DeviceError, match=r"did not answer within 0\.5 s"):
        _encoded(process)
    until(partial(_is_gone, pid))
    assert process.greeting()["codes"] == 4096


def test_it_ends_with_the_last_reference_and_when_it_is_closed() -> None:
    for close in (True, False):
        process = SpeechProcess(command())
        process.greeting()
        pid = process._child._finish.peek()[2][0].pid  # pyright: ignore
        if close:
            process.close()
        else:
            del process
            gc.collect()
        until(partial(_is_gone, pid))


def test_what_is_no_message_is_not_understood(tmp_path: Path) -> None:
    for said in ("[]", json.dumps({"bytes": -1}), json.dumps({"bytes": "x"}), "{}\n{}"):
        script = tmp_path / "odd.py"
        script.write_text(f"import time; print({said!r}, flush=True); time.sleep(60)")
        with pytest.raises(DeviceError, match="is not understood"):
            SpeechProcess(shlex.join([sys.executable, str(script)]), start_s=60).greeting()
