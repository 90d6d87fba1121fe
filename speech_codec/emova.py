"""EMOVA's speech codec as a separate program, for the environment of its packages.

    PYTHON speech_codec/emova.py FOLDER [--device cuda]

FOLDER has the codec's `config.json` and `model.safetensors`; PYTHON has the package
`emova_speech_tokenizer`, numpy and safetensors. Nothing of this project is imported, and no code
from FOLDER is run. On stdin and stdout are messages: a line of JSON, behind it as many raw bytes as
its "bytes" says (none where it does not), numbers little-endian.

says at first   {"codes": 4096, "rate_hz": 22050, "styles": ["..", ..]}
asked           {"do": "encode", "bytes": 4 N}                    float32 "N" at 16 kHz
says            {"bytes": 8 L}                                    int64 "L", codes
asked           {"do": "decode", "style": "..", "bytes": 8 L}     int64 "L", codes
says            {"bytes": 4 N}                                    float32 "N" at rate_hz
or says         {"error": "a sentence"}                           and waits for the next message

It ends with its stdin. Source: EMOVA, Chen et al. 2024 (arXiv:2409.18042), and its package, see
github.com/emova-ollm/EMOVA_speech_tokenizer.
"""

import argparse
import importlib
import json
import os
import re
import sys
import tempfile
import wave
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

CODES, HEARD_HZ = 4096, 16_000
ENCODER = "SPIRAL-FSQ-CTC"
SEED = 0
"""The seed of each decoding, so that equal codes give equal audio."""
STYLES = {
    f"{speaker}-{emotion}-{pitch}": f"gender-{speaker}_emotion-{emotion}_speed-normal_pitch-{pitch}"
    for speaker in ("female", "male")
    for emotion in ("neutral", "happy", "sad", "angry")
    for pitch in ("normal", "high", "low")
}
"""The 24 published styles by our names; the first is the default."""


class Codec(Protocol):
    """The protocol of a served codec. codes: size of its codebook; rate_hz: of decoded audio;
    styles: names."""

    codes: int
    rate_hz: int
    styles: list[str]

    def encode(self, samples: np.ndarray) -> np.ndarray:
        """Return codes "L" of samples float32 "N" at 16 kHz."""
        ...

    def decode(self, codes: np.ndarray, style: str) -> np.ndarray:
        """Return samples "N" at rate_hz of codes int64 "L"; style: one of its own."""
        ...


def serve(codec: Codec, asked: IO[bytes], told: IO[bytes]) -> None:
    """Answer requests until stdin ends."""
    _tell(told, {"codes": codec.codes, "rate_hz": codec.rate_hz, "styles": codec.styles})
    while line := asked.readline():
        wanted = json.loads(line)
        content = asked.read(wanted["bytes"])
        try:
            answer = _answer(codec, wanted, content)
        except (
            Exception
        ) as error:  # whatever the package raises is an answer, and the next is asked
            _tell(told, {"error": f"{type(error).__name__}: {error}"})
        else:
            _tell(told, {"bytes": len(answer)}, answer)


def own_stdout() -> IO[bytes]:
    """Return the stdout reserved for messages; prints of packages go to stderr from now on."""
    ours = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return ours


def _tell(told: IO[bytes], said: dict[str, Any], content: bytes = b"") -> None:
    told.write(json.dumps(said).encode() + b"\n" + content)
    told.flush()


def _answer(codec: Codec, wanted: dict[str, Any], content: bytes) -> bytes:
    if wanted["do"] == "encode":
        return np.asarray(codec.encode(np.frombuffer(content, "<f4"))).astype("<i8").tobytes()
    if wanted["do"] != "decode" or wanted["style"] not in (codec.styles or [None]):
        raise ValueError(f"nothing known is asked: {wanted}")
    found = codec.decode(np.frombuffer(content, "<i8"), wanted["style"])
    return np.asarray(found).astype("<f4").tobytes()


class Emova:
    """The published codec, put together from the parts of its package. Fits `Codec`."""

    def __init__(self, folder: Path, device: str) -> None:
        """Load the codec. Raises: ImportError without the package, OSError or KeyError where the
        folder is incomplete."""
        self._torch: Any = importlib.import_module("torch")
        self._package: Any = importlib.import_module("emova_speech_tokenizer.speech_utils")
        load_file: Any = importlib.import_module("safetensors.torch").load_file
        said = json.loads((folder / "config.json").read_text())
        weights = load_file(str(folder / "model.safetensors"))
        self._device = device
        self._places: dict[str, int] = said["u2s_style2idx"]
        self._looks = weights["style_embedding.weight"].float().to(device)
        self._encoder = self._filled(self._hearing(said["s2u_unit_type"]), weights, "encoder.")
        self._settings, voice = self._speaking(said["u2s_unit_type"])
        self._decoder = self._filled(voice, weights, "decoder.")
        self.codes, self.rate_hz = CODES, int(self._settings.data.sampling_rate)
        self.styles = [name for name, style in STYLES.items() if style in self._places]

    def encode(self, samples: np.ndarray) -> np.ndarray:
        """Encode samples; the package removes repeated codes."""
        with tempfile.TemporaryDirectory() as folder:
            file = str(Path(folder) / "heard.wav")
            _write_wav(file, samples)
            with self._torch.no_grad():
                units = self._package.s2u_extract_unit_demo(
                    self._encoder, file, model_name=ENCODER, reduced=True
                )
        return np.array([int(unit) for unit in re.findall(r"\d+", units)], np.int64)

    def decode(self, codes: np.ndarray, style: str) -> np.ndarray:
        self._torch.manual_seed(SEED)
        look = self._looks[self._places[STYLES[style]]][None, :, None]
        with tempfile.TemporaryDirectory() as folder:
            units, file = " ".join(map(str, codes)), str(Path(folder) / "said.wav")
            return self._package.synthesis(units, look, self._settings, self._decoder, file)

    def _hearing(self, unit_type: str) -> Any:
        _, where = self._package.get_S2U_ckpt_config_path(unit_type)
        sizes = self._package.load_config(config=where).model
        sizes.pretrain_chkpt_path = None
        return self._package.VQCTCFinetuneModel(sizes, trainer=None)

    def _speaking(self, unit_type: str) -> tuple[Any, Any]:
        file, _ = self._package.get_U2S_config_checkpoint_file(unit_type)
        sizes = self._package.load_U2S_config(file)
        bands = sizes.data.filter_length // 2 + 1
        frames = sizes.train.segment_size // sizes.data.hop_length
        speakers = sizes.data.n_speakers
        model = self._package.SynthesizerTrn
        voice = model(sizes.num_symbols, bands, frames, n_speakers=speakers, **sizes.model)
        return sizes, voice

    def _filled(self, part: Any, weights: dict[str, Any], prefix: str) -> Any:
        """Load all weights of a part."""
        own = {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}
        part.load_state_dict(own)
        return part.float().eval().to(self._device)


def _write_wav(file: str, samples: np.ndarray) -> None:
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(HEARD_HZ)
        written.writeframes((samples.clip(-1, 1) * 32767).round().astype("<i2").tobytes())


def main() -> int:
    """Serve until stdin ends; 2 where the codec cannot be loaded."""
    parser = argparse.ArgumentParser(description="EMOVA's speech codec as a program")
    parser.add_argument("folder", type=Path, help="with config.json and model.safetensors")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, ..")
    arguments = parser.parse_args()
    told = own_stdout()
    try:
        codec = Emova(arguments.folder, arguments.device)
    except ImportError as error:
        print(f"{error}: install EMOVA's speech tokenizer for {sys.executable}", file=sys.stderr)
        return 2
    except (OSError, KeyError) as error:
        print(f"{arguments.folder} is no whole speech codec: {error}", file=sys.stderr)
        return 2
    serve(codec, sys.stdin.buffer, told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
