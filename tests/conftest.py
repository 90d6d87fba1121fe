"""A tiny model with random weights, saved as a checkpoint once a run: enough for every law but
quality."""

from pathlib import Path

import pytest
import torch
from beartype import beartype
from jaxtyping import install_import_hook, jaxtyped

# Shapes and types are enforced in tests. Not in samplers.kinetic: a wrapped generator would no
# longer be recognised as one by torch.inference_mode. Not in flow.cuda.kernels: Triton reads
# source. Of samplers.counter_rng the public method alone: a million calls would take a minute.
FLOW = [f.stem for f in (Path(__file__).parents[1] / "flow").glob("*.py")]
CHECKED = [
    *(f"flow.{name}" for name in FLOW),
    "flow.cuda.fused",
    "samplers.categorical",
]
install_import_hook(CHECKED, "beartype.beartype")

from engine.engine import Engine  # noqa: E402
from model.loading.checkpoint import save_checkpoint  # noqa: E402
from model.network.omni import OmniModel  # noqa: E402
from model.presets import PRESETS  # noqa: E402
from model.tokenizers.text import TextTokenizer  # noqa: E402
from samplers.counter_rng import CounterRNG  # noqa: E402

CounterRNG.uniform = jaxtyped(typechecker=beartype)(CounterRNG.uniform)

TEXTS = [
    "draw a red heart above a dog",
    "what is this?",
    "here you go!",
    "a big blue circle on a white background",
] * 20


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_tokenizer() -> TextTokenizer:
    return TextTokenizer.train(TEXTS, PRESETS["tiny"].text_vocabulary)


@pytest.fixture(scope="session")
def tiny_model(tiny_tokenizer: TextTokenizer) -> OmniModel:
    torch.manual_seed(0)
    model = OmniModel(PRESETS["tiny"], tiny_tokenizer.space())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and "vision" not in name:
                parameter.mul_(4)
            if ".beside." in name or ".pace." in name:
                parameter.normal_(std=0.1)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def tiny_checkpoint(
    tiny_model: OmniModel,
    tiny_tokenizer: TextTokenizer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    save_checkpoint(folder, tiny_model, tiny_tokenizer, {"name": "tiny", "concepts": []})
    return folder


@pytest.fixture(scope="session")
def tiny_engine(tiny_checkpoint: Path) -> Engine:
    return Engine.load(tiny_checkpoint, "cpu")
