"""Command line: python -m training vision|flow|export --preset nano --minutes M [--resume]
[--device auto].

vision trains the picture tokenizer, flow the model on its frozen codes, export writes the
checkpoint. torchrun --nproc-per-node N -m -- training flow .. trains on N devices, with --shard a
model that is too large for one.
"""

import argparse
import os
import sys
from dataclasses import replace

import torch
from torch import Tensor, nn

from model.loading.placement import Placement
from model.network.omni import OmniModel
from model.network.probes import LANDMARKS, PROMPTS, load_landmarks
from model.presets import PRESETS
from model.tokenizers.text import TextTokenizer
from training.checkpoints.export import export
from training.checkpoints.initialise import initialise, run_folder, start_of, text_tokenizer, texts
from training.checkpoints.whisper_weights import encoder_weights
from training.data.examples import Examples
from training.data.scene_pool import build_pool, build_unnamed
from training.data.speech.clip_codes import (
    durations,
    encode_clips,
    encode_spoken_scenes,
    with_letters,
)
from training.data.speech.examples import SpeechExamples
from training.data.video_examples import VideoExamples
from training.loop.budgeted_loop import Budget, train
from training.loop.distributed import Ranks
from training.options import parser
from training.stages.audio import AudioStage
from training.stages.flow import A_STEP, FlowStage
from training.stages.online import RATE_SCALES, OnlineStage, check_online
from training.stages.vision import VisionStage
from world.audio.speech import Part, clips
from world.domain import take

NUM_UNNAMED = 3000
"""Pictures whose colours no words name."""
POOLS = (16_000, 40_000, 4000)
"""Films, changes of pictures, and those whose colours no words name."""
REPORTED_CLIPS = 96
SAVE_PARTS_EVERY_S = 1800.0
"""A sharded model is large: all of its parts take a while to write."""
TRAINED_PARTS = (Part.TRAIN, Part.BULK, Part.SOUND, Part.NAMES)


def main(argv: list[str] | None = None) -> int:
    arguments = parser(__doc__).parse_args(argv)
    take(arguments.domain)
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
        _load_encoder(tokenizer.encoder, encoder_weights(arguments.whisper))
    tokenizer.encoder.requires_grad_(arguments.from_scratch)
    train(stage, folder, _budget(arguments), resume=arguments.resume)


def _load_encoder(ear: nn.Module, weights: dict[str, Tensor]) -> None:
    try:
        ear.load_state_dict(weights)
    except RuntimeError as error:  # it says which of all the parts have which shapes
        raise ValueError(
            "Whisper's encoder is of another size than this preset's: train one --from-scratch"
        ) from error


def _flow(arguments: argparse.Namespace) -> None:
    ranks: Ranks = arguments.ranks
    with ranks.one_first():
        model, tokenizer = initialise(arguments)
        if arguments.online:
            check_online(model.config, ranks)
        stage = _flow_stage(arguments, model, tokenizer)
    if arguments.start is not None:
        width = model.config.backbone.width
        answers, prompts = (
            load_landmarks(arguments.start, width, name) for name in (LANDMARKS, PROMPTS)
        )
        if answers is not None:
            stage.helpers.initialise(answers, prompts)
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
    if config.audio is not None and not arguments.without_audio:
        speech = _speech_examples(arguments, model, examples)
    videos = None
    if config.video_frames:
        folder = run_folder(arguments, "vision")
        videos = VideoExamples.build(model.vision, examples, POOLS, folder)
    tasks = tuple(k.strip() for k in arguments.tasks.split(",") if k.strip())
    common = (model, tokenizer, examples, arguments.times, speech, videos)
    data_seed = _data_seed(arguments)
    if arguments.online:
        reconstructs = not arguments.without_reconstruction
        return OnlineStage(*common, tasks=tasks, data_seed=data_seed, reconstructs=reconstructs)
    alike = arguments.ranks.num if arguments.shard else 1
    return FlowStage(*common, alike, tasks, data_seed)


def _data_seed(arguments: argparse.Namespace) -> int:
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
    spoken_scenes = encode_spoken_scenes(
        model.vision, corpus, heard, run_folder(arguments, "vision") / "told.npz"
    )
    return SpeechExamples(
        heard,
        words,
        end=config.audio_space().cardinality - 1,
        block=config.audio_block,
        blocks=config.audio_blocks,
        spoken_scenes=spoken_scenes,
    )


def _budget(arguments: argparse.Namespace) -> Budget:
    return Budget(
        minutes=arguments.minutes,
        learning_rate=arguments.rate,
        cooldown=arguments.cooldown,
        muon=arguments.muon,
        rate_scales=RATE_SCALES if arguments.online else {},
    )


if __name__ == "__main__":
    sys.exit(main())
