"""Command line: python -m training vision|flow|export --preset nano --minutes M [--resume]
[--device auto].

vision trains the picture tokenizer, flow the model on its frozen codes, export writes the
checkpoint. torchrun --nproc-per-node N -m training flow .. trains on N devices, with --shard a
model that is too large for one.
"""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from flow.calibration import GRIDS
from model.loading.placement import Placement
from model.network.omni import OmniModel
from model.network.probes import LANDMARKS, PROMPTS, load_landmarks
from model.presets import PRESETS
from model.tokenizers.text import TextTokenizer
from training.checkpoints.export import export
from training.checkpoints.initialise import begin, run_folder, start_of, text_tokenizer, texts
from training.checkpoints.whisper_weights import encoder_weights
from training.data.examples import Examples, build_pool, build_unnamed
from training.data.speech_examples import (
    SpeechExamples,
    durations,
    encode_clips,
    told_scenes,
    with_letters,
)
from training.data.video_examples import VideoExamples
from training.loop.budgeted_loop import Budget, train
from training.loop.distributed import Ranks
from training.stages.audio import AudioStage
from training.stages.flow import A_STEP, FlowStage
from training.stages.online import SLOWLY, OnlineStage, check_online
from training.stages.vision import VisionStage
from world.audio.speech import Part, clips

NUM_UNNAMED = 3000
"""Pictures whose colours no words name."""
POOLS = (16_000, 40_000, 4000)
"""Films, changes of pictures, and those whose colours no words name."""
REPORTED_CLIPS = 96
SAVE_PARTS_EVERY_S = 1800.0
"""A sharded model is large: all of its parts take a while to write."""
TRAINED_PARTS = (Part.TRAIN, Part.BULK, Part.SOUND, Part.NAMES)


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    arguments.ranks = ranks = replace(Ranks.joined(os.environ), sharded=arguments.shard)
    stages = {"vision": _vision, "audio": _audio, "flow": _flow, "export": export}
    try:
        if ranks.num > 1 and arguments.stage != "flow":
            raise ValueError(f"{arguments.stage} runs in one process: start it without torchrun")
        if arguments.shard and ranks.num == 1:
            raise ValueError(
                "--shard shares the weights out over several processes: start it by torchrun "
                "--nproc-per-node N, with N of 2 or more"
            )
        if arguments.shard and arguments.muon:
            raise ValueError("Muon needs whole matrices: leave --muon or --shard out")
        stages[arguments.stage](arguments)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    finally:
        ranks.leave()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("stage", choices=("vision", "audio", "flow", "export"))
    parser.add_argument("--preset", choices=sorted(PRESETS), default="nano")
    parser.add_argument(
        "--minutes",
        type=float,
        default=10.0,
        help="wall time to train for, with --resume so much more",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last save of the run")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    parser.add_argument(
        "--cooldown", type=float, default=0.25, help="share of the time in which it falls"
    )
    parser.add_argument(
        "--muon", action="store_true", help="step the matrices inside the layers by Muon"
    )
    parser.add_argument(
        "--shard", action="store_true", help="flow by torchrun: each process holds a part of it all"
    )
    parser.add_argument(
        "--online", action="store_true", help="flow: train the picture tokenizer along, slowly"
    )
    parser.add_argument(
        "--without-reconstruction",
        action="store_true",
        help="flow --online: how well pictures are rebuilt is not in the loss",
    )
    parser.add_argument(
        "--scenes", type=int, default=80_000, help="pictures in the pool of the flow stage"
    )
    parser.add_argument(
        "--single",
        type=float,
        default=0.0,
        help="share of pictures with one object (a first lesson)",
    )
    parser.add_argument(
        "--times",
        choices=GRIDS,
        default="uniform",
        help="in which clock the times of pictures lie evenly",
    )
    parser.add_argument(
        "--kinds",
        default="",
        help="flow: these lessons only, with commas between: image, text, match, hear, speak, "
        "recite, film, watch, edit; speak=30 for another share of the batches",
    )
    parser.add_argument(
        "--paradigm",
        choices=PRESETS["nano"].samplers,
        help="flow, export: a model for one sampler alone; else for all three",
    )
    parser.add_argument(
        "--layers", type=int, help="flow, export: of the backbone; new ones first add nothing"
    )
    parser.add_argument(
        "--fixed-length",
        action="store_true",
        help="flow, export: answers in words have one length, not as many blocks as they need",
    )
    parser.add_argument("--start", type=Path, help="checkpoint whose weights a run begins with")
    parser.add_argument(
        "--tokenizers",
        type=Path,
        help="flow, export: checkpoint whose tokenizers of pictures and sound are taken where "
        "those of the runs would be",
    )
    parser.add_argument(
        "--speech", type=Path, default=Path("runs/speech"), help="folder of the speech corpus"
    )
    parser.add_argument(
        "--without-audio", action="store_true", help="a model that neither hears nor speaks"
    )
    parser.add_argument("--without-video", action="store_true", help="a model that makes no films")
    parser.add_argument(
        "--without-films", action="store_true", help="a model that only watches and finds films"
    )
    parser.add_argument(
        "--without-thinking", action="store_true", help="a model that answers at once"
    )
    parser.add_argument(
        "--whisper", type=Path, help="model.bin of Whisper as CTranslate2 stores it"
    )
    parser.add_argument(
        "--from-scratch", action="store_true", help="audio: no Whisper to begin with"
    )
    parser.add_argument(
        "--also",
        type=Path,
        action="append",
        default=[],
        help="export: folder of the runs of another training that began with the same --start; "
        "the mean of all is taken",
    )
    parser.add_argument(
        "--keep", type=float, default=0.0, help="export: share of the weights of --start that stays"
    )
    parser.add_argument("--out", type=Path, default=Path("assets/nano"), help="where export writes")
    return parser


def _vision(arguments: argparse.Namespace) -> None:
    start = start_of(arguments)
    config = PRESETS[arguments.preset] if start is None else start.model.config
    stage = VisionStage(config.required_vision, Placement.of(arguments.device).device)
    if start is not None:
        stage.model.tokenizer.load_state_dict(start.model.vision.state_dict())
    train(stage, run_folder(arguments, "vision"), _budget(arguments), resume=arguments.resume)


def _audio(arguments: argparse.Namespace) -> None:
    """Whisper's encoder stays as it is; one from scratch is trained with the rest."""
    start = start_of(arguments)
    config = PRESETS[arguments.preset] if start is None else start.model.config
    if config.audio is None:
        raise ValueError(f"{config.name} neither hears nor speaks: leave --start out")
    if start is not None and "whisper" in start.facts.get("untrained", ()):
        raise ValueError(
            f"nobody has trained the ear of {arguments.start}: run `python -m model.convert "
            "whisper` on it first"
        )
    folder, corpus = run_folder(arguments, "audio"), arguments.speech
    spoken = list(clips(corpus, TRAINED_PARTS))
    held_out = list(clips(corpus, (Part.TEST,)))[:REPORTED_CLIPS]
    if not spoken:
        raise ValueError(f"{corpus} has no clips: run `python -m world speech` first")
    if start is None:
        words = text_tokenizer(run_folder(arguments, "flow"), texts(), config.text_vocabulary)
    else:
        words = start.tokenizer
    device = Placement.of(arguments.device).device
    stage = AudioStage(config.audio, spoken, held_out, words, device)
    tokenizer = stage.model.tokenizer
    if start is not None:
        tokenizer.load_state_dict(start.model.audio.state_dict())
    elif not arguments.from_scratch:
        _take_ear(tokenizer.encoder, encoder_weights(arguments.whisper))
    tokenizer.encoder.requires_grad_(arguments.from_scratch)
    train(stage, folder, _budget(arguments), resume=arguments.resume)


def _take_ear(ear: nn.Module, weights: dict[str, Tensor]) -> None:
    try:
        ear.load_state_dict(weights)
    except RuntimeError as error:  # it says which of all the parts have which shapes
        raise ValueError(
            "Whisper's encoder is of another size than this preset's: train one --from-scratch"
        ) from error


def _flow(arguments: argparse.Namespace) -> None:
    ranks: Ranks = arguments.ranks
    with ranks.one_first():
        model, tokenizer = begin(arguments)
        if arguments.online:
            check_online(model.config, ranks)
        stage = _flow_stage(arguments, model, tokenizer)
    if arguments.start is not None:
        width = model.config.backbone.width
        answers, prompts = (
            load_landmarks(arguments.start, width, name) for name in (LANDMARKS, PROMPTS)
        )
        if answers is not None:
            stage.helpers.begin(answers, prompts)
    budget = replace(_budget(arguments), accumulate=A_STEP, report_every_s=600)
    if ranks.sharded:
        budget = replace(budget, save_every_s=SAVE_PARTS_EVERY_S)
    train(stage, run_folder(arguments, "flow"), budget, resume=arguments.resume, ranks=ranks)


def _flow_stage(
    arguments: argparse.Namespace, model: OmniModel, tokenizer: TextTokenizer
) -> FlowStage:
    cache = run_folder(arguments, "vision") / "codes.npz"
    pool = build_pool(model.vision, arguments.scenes, cache, arguments.single)
    unnamed = build_unnamed(model.vision, NUM_UNNAMED, cache.with_name("unnamed.npz"))
    config = model.config
    examples = Examples(pool, tokenizer, config.text_block, config.text_blocks, unnamed)
    speech = None
    if config.audio is not None:
        speech = _speech_examples(arguments, model, examples)
    films = None
    if config.video_frames:
        folder = run_folder(arguments, "vision")
        films = VideoExamples.build(model.vision, examples, POOLS, folder)
    kinds = tuple(k.strip() for k in arguments.kinds.split(",") if k.strip())
    common = (model, tokenizer, examples, arguments.times, speech, films)
    chapter = _chapter(arguments)
    if arguments.online:
        rebuilds = not arguments.without_reconstruction
        return OnlineStage(*common, kinds=kinds, chapter=chapter, rebuilds=rebuilds)
    alike = arguments.ranks.num if arguments.shard else 1
    return FlowStage(*common, alike, kinds, chapter)


def _chapter(arguments: argparse.Namespace) -> int:
    """Runs that follow each other draw other examples: how far the one before had come."""
    start = start_of(arguments)
    return 0 if start is None else int(start.facts.get("flow_steps", 0))


def _speech_examples(
    arguments: argparse.Namespace, model: OmniModel, words: Examples
) -> SpeechExamples:
    corpus = list(clips(arguments.speech, TRAINED_PARTS))
    if not corpus:
        raise ValueError(
            f"{arguments.speech} has no clips: run `python -m world speech` first, or train "
            "--without-audio"
        )
    config = model.config
    assert config.audio is not None
    heard = encode_clips(model.audio, corpus, run_folder(arguments, "audio") / "codes.npz")
    heard = with_letters(heard, words.tokenizer, config.audio.cardinality)
    if model.embeddings.pace is not None:
        model.embeddings.pace.duration.copy_(durations(heard, words.tokenizer))
    told = told_scenes(model.vision, corpus, heard, run_folder(arguments, "vision") / "told.npz")
    return SpeechExamples(
        heard,
        words,
        end=config.audio_space().cardinality - 1,
        block=config.audio_block,
        blocks=config.audio_blocks,
        told=told,
    )


def _budget(arguments: argparse.Namespace) -> Budget:
    return Budget(
        minutes=arguments.minutes,
        learning_rate=arguments.rate,
        cooldown=arguments.cooldown,
        muon=arguments.muon,
        slowly=SLOWLY if arguments.online else {},
    )


if __name__ == "__main__":
    sys.exit(main())
