"""A backbone that knows words is trained around the tokenizers of a model that began with none."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import model.convert.__main__
from engine.api.conversation import Conversation
from engine.api.events import Completed
from engine.api.request import Request
from engine.api.sampling import Sampling
from engine.engine import Engine
from flow.modality import Modality
from model.loading.checkpoint import Checkpoint, load_checkpoint
from model.presets import PRESETS
from tests.model import published
from tests.training.few import FEW, spoken
from training.__main__ import main
from training.loop.budgeted_loop import Budget

NAME, STEPS = published.TINY_LLAMA.name, 2
SHORT = {
    **FEW,
    "training.__main__._budget": lambda arguments: Budget(minutes=60, steps=STEPS, warmup_steps=1),
}
KINDS = "image,text,speak"


@pytest.fixture(scope="module")
def folder(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """start: the converted Llama; out: as trained around the tokenizers of a checkpoint."""
    folder = tmp_path_factory.mktemp("words")
    runs, start = folder / "runs", folder / "start"
    published.save_tokenizer(published.save(published.llama(), folder / "llama"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, NAME, published.TINY_LLAMA)
        for name, value in SHORT.items():
            patch.setattr(name, value)
        convert = ["llama", str(folder / "llama"), str(start), "--preset", NAME]
        assert model.convert.__main__.main(convert) == 0
        common = ["--runs", str(runs), "--device", "cpu"]
        corpus = spoken(folder / "speech")
        common += ["--preset", NAME, "--start", str(start), "--tokenizers", str(tiny_checkpoint)]
        few = ["--scenes", "40", "--tasks", KINDS]
        assert main(["flow", *common, *few, *corpus]) == 0
        assert main(["export", *common, "--out", str(folder / "out")]) == 0
        yield folder


@pytest.fixture(scope="module")
def trained(folder: Path) -> Checkpoint:
    return load_checkpoint(folder / "out")


def test_it_learns_on_from_the_words(folder: Path, trained: Checkpoint) -> None:
    start = load_checkpoint(folder / "start")
    assert trained.model.config == start.model.config
    text = "A red heart, above a Dög"
    assert trained.tokenizer.encode(text) == start.tokenizer.encode(text)
    before, after = start.model.state_dict(), trained.model.state_dict()
    for name in after:
        if name.startswith(("backbone.layers.", "embeddings.text.")):
            assert 0 < float((after[name] - before[name]).abs().max()) < 0.1, name
    assert torch.equal(after["text_metric_codes"], before["text_metric_codes"])


def test_it_sees_and_hears_by_their_tokenizers(tiny_checkpoint: Path, trained: Checkpoint) -> None:
    theirs = load_checkpoint(tiny_checkpoint).model
    for stage in ("vision", "audio"):
        wanted = theirs.get_submodule(stage).state_dict()
        for name, tensor in trained.model.get_submodule(stage).state_dict().items():
            assert torch.equal(tensor, wanted[name]), name


def test_tokenizers_of_other_sizes_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence that says what to do; and a model that begins with nothing is refused as one
    that knows words is."""
    other = ["--tokenizers", "assets/nano", "--runs", str(folder / "others"), "--device", "cpu"]
    for start in (["--start", str(folder / "start")], []):
        assert main(["flow", "--preset", NAME, *other, *start]) == 2
        assert "has other sizes than tiny_llama's" in capsys.readouterr().err


def test_nothing_of_it_is_untrained(trained: Checkpoint) -> None:
    assert trained.facts["untrained"] == []
    assert set(trained.facts["converted"]) == {"llama"}


@pytest.fixture(scope="module")
def engine(folder: Path) -> Engine:
    return Engine.load(folder / "out", "cpu")


@pytest.mark.parametrize("to", [Modality.TEXT, Modality.IMAGE, Modality.AUDIO])
@pytest.mark.parametrize("sampler", PRESETS["tiny"].samplers)
def test_it_answers(engine: Engine, to: Modality, sampler: str) -> None:
    wish = Request(Conversation.ask("A red heart"), to, Sampling(steps=2, sampler=sampler))
    assert isinstance(list(engine.generate(wish))[-1], Completed)
