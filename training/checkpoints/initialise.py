"""The initial weights of a stage: those of a checkpoint, or random ones.

Owns: which parts are taken from a checkpoint, which from the runs of earlier stages, and which
begin untrained. Does not own: the command line, and what is trained (`training.__main__`).
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from model.config import OmniConfig
from model.loading.checkpoint import Checkpoint, load_checkpoint
from model.loading.placement import Placement
from model.network.omni import OmniModel
from model.presets import PRESETS
from model.tokenizers.text import TextTokenizer
from training.checkpoints.dictionary import load_dictionary, named
from training.checkpoints.grow_depth import grow_depth
from training.checkpoints.new_rows import name_codes, text_rows
from training.checkpoints.text_metric import training_texts, word_vectors
from training.loop.run_state import averaged_weights

TEXTS_PER_KIND = 4000
TOKENIZERS = ("vision", "audio")
"""The media tokenizers by the stage that trains them, in training order."""


def texts() -> list[str]:
    """Return the texts that train the tokenizer and word vectors of a new model."""
    return training_texts(TEXTS_PER_KIND)


def run_folder(arguments: argparse.Namespace, stage: str) -> Path:
    """Return the folder of the stage's run, RUNS/STAGE-PRESET."""
    return arguments.runs / f"{stage}-{arguments.preset}"


def initialise(arguments: argparse.Namespace) -> tuple[OmniModel, TextTokenizer]:
    """Return the model and text tokenizer of `--start`, or new ones. Parts that the preset has and
    the checkpoint lacks (audio, video) begin untrained; media tokenizers come from their runs."""
    if arguments.start is None:
        return _untrained(arguments)
    checkpoint = load_checkpoint(arguments.start, Placement.of(arguments.device, "float32"))
    wanted, model = _preset(arguments), checkpoint.model.requires_grad_(True)
    had = model.config
    config = _shaped(had, arguments)
    if arguments.dictionary is not None:
        config = named(config)
    words = checkpoint.tokenizer
    if arguments.vocabulary is not None:
        words = text_tokenizer(run_folder(arguments, "flow"), texts(), arguments.vocabulary)
        config = replace(config, text_vocabulary=arguments.vocabulary)
    config = replace(
        config,
        audio=had.audio or wanted.audio,
        video_frames=had.video_frames or wanted.video_frames,
        generates_video=wanted.generates_video,
        thinks=had.thinks or wanted.thinks,
        has_embedding=had.has_embedding or wanted.has_embedding,
        neighbours=had.neighbours or wanted.neighbours,
        time_aligned=had.time_aligned or wanted.time_aligned,
    )
    if config != had:
        grown = OmniModel(config, words.space(config.media, thinks=config.thinks))
        weights = grow_depth(model.state_dict(), config.backbone.layers)
        if words is not checkpoint.tokenizer:
            weights |= text_rows(weights, checkpoint.tokenizer, words)
            grown.text_metric_codes.copy_(word_vectors(words, texts(), config.text_metric_dim))
            del weights["text_metric_codes"]
        shapes = {name: tensor.shape for name, tensor in grown.state_dict().items()}
        fitting = {n: w for n, w in weights.items() if shapes.get(n) == w.shape}
        grown.load_state_dict(fitting, strict=False)
        if arguments.dictionary is not None:
            load_dictionary(grown.vision, arguments.dictionary)
            name_codes(grown, words)
        model = grown.to(model.device)
    raw = {stage for stage in TOKENIZERS if has_raw(checkpoint.facts, stage)}
    if arguments.dictionary is not None:
        raw.discard("vision")
    if config.audio is not None and had.audio is None:
        raw.add("audio")
    _load_tokenizers(model, arguments, raw)
    model.vision.requires_grad_(False)
    if model.config.audio is not None:
        model.audio.requires_grad_(False)
    return model, words


def start_of(arguments: argparse.Namespace) -> Checkpoint | None:
    """Load the checkpoint of `--start`; None where the option is absent."""
    return None if arguments.start is None else load_checkpoint(arguments.start)


def has_raw(facts: dict[str, Any], stage: str) -> bool:
    """Return whether the stage's tokenizer in a converted checkpoint (`model.convert`) has
    untrained codebooks."""
    return "converted" in facts and f"{stage}_steps" not in facts


def _shaped(config: OmniConfig, arguments: argparse.Namespace) -> OmniConfig:
    """Apply the options that change the architecture: layers, samplers and fixed answer length."""
    if arguments.layers is not None:
        config = replace(config, backbone=replace(config.backbone, layers=arguments.layers))
    if arguments.paradigm is not None:
        config = replace(config, samplers=(arguments.paradigm,))
    if arguments.fixed_length:
        config = replace(config, text_block=config.text_length, text_blocks=1)
    return config


def _preset(arguments: argparse.Namespace) -> OmniConfig:
    config = _shaped(PRESETS[arguments.preset], arguments)
    if arguments.without_video:
        config = replace(config, video_frames=0)
    if arguments.without_films:
        config = replace(config, generates_video=False)
    if arguments.without_thinking:
        config = replace(config, thinks=False)
    return replace(config, audio=None) if arguments.without_audio else config


def tokenizers_of(arguments: argparse.Namespace) -> Checkpoint | None:
    """Load the checkpoint of `--tokenizers`; None where the tokenizers come from the runs."""
    return None if arguments.tokenizers is None else load_checkpoint(arguments.tokenizers)


def _load_tokenizers(model: OmniModel, arguments: argparse.Namespace, stages: set[str]) -> None:
    """Load the tokenizers named in `stages` from `--tokenizers` or from the runs.

    Raises: ValueError where one is missing or has other sizes.
    """
    given, config = tokenizers_of(arguments), model.config
    had = TOKENIZERS if config.audio is not None else TOKENIZERS[:1]
    for stage in (stage for stage in had if stage in stages):
        if given is None:
            _load_tokenizer(model.get_submodule(stage), run_folder(arguments, stage))
            continue
        theirs = given.model.config
        if getattr(theirs, stage) != getattr(config, stage) or theirs.code_rows is not None:
            raise ValueError(
                f"the {stage} tokenizer of {arguments.tokenizers} has other sizes than "
                f"{config.name}'s: give another checkpoint to --tokenizers, or leave it out"
            )
        weights = given.model.get_submodule(stage).state_dict()
        model.get_submodule(stage).load_state_dict(weights)


def _load_tokenizer(module: nn.Module, folder: Path) -> None:
    """Load the averaged weights of a tokenizer's run.

    Raises: ValueError where the run does not exist.
    """
    file = folder / "state.pt"
    if not file.exists():
        stage = folder.name.partition("-")[0]
        raise ValueError(f"{file} does not exist: run `python -m training {stage}` first")
    average, _ = averaged_weights(folder)
    prefix = "tokenizer."
    module.load_state_dict(
        {k.removeprefix(prefix): v for k, v in average.items() if k.startswith(prefix)}
    )


def _untrained(arguments: argparse.Namespace) -> tuple[OmniModel, TextTokenizer]:
    """Return a new model around the trained media tokenizers, with its text tokenizer and word
    vectors."""
    config = _preset(arguments)
    words = texts()
    tokenizer = text_tokenizer(run_folder(arguments, "flow"), words, config.text_vocabulary)
    model = OmniModel(config, tokenizer.space(config.media, thinks=config.thinks))
    _load_tokenizers(model, arguments, set(TOKENIZERS))
    model.text_metric_codes.copy_(word_vectors(tokenizer, words, config.text_metric_dim))
    return model.to(Placement.of(arguments.device).device), tokenizer


def text_tokenizer(folder: Path, texts: list[str], cardinality: int) -> TextTokenizer:
    """Return the text tokenizer of the run; it is trained once and saved with the run, because its
    ids define what the weights mean."""
    file = folder / "tokenizer.json"
    if file.exists():
        return TextTokenizer.load(file, cardinality)
    tokenizer = TextTokenizer.train(texts, cardinality)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(file)
    return tokenizer
