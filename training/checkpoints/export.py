"""The averaged weights of one or more runs as a checkpoint, with the facts of its making.

Owns: what goes into the checkpoint's folder. Does not own: the mean of weights
(`training.checkpoints.merge`), the files (`model.loading.checkpoint`).
"""

import argparse
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from model.loading.checkpoint import Checkpoint, save_checkpoint
from model.loading.file_digests import seal
from model.network.omni import OmniModel
from model.network.probes import LANDMARKS, PROMPTS
from model.tokenizers.text import TextTokenizer
from training.checkpoints.dictionary import PARTS, load_dictionary
from training.checkpoints.initialise import has_raw, initialise, run_folder, start_of, tokenizers_of
from training.checkpoints.merge import mean, merged
from training.loop.run_state import FILE, auxiliary_weights, averaged_weights
from training.objectives.probe_loss import ProbeLoss
from world.concepts import CONCEPTS
from world.palette import palette
from world.wishes import words_of_wishes

WISHES = 4000
"""The number of each kind: every word that is learned occurs among so many."""


def export(arguments: argparse.Namespace) -> None:
    """Write the checkpoint: the mean of the averaged weights of all runs (`--also`), merged with
    the share `--keep` of `--start`."""
    model, tokenizer = initialise(arguments)
    start = start_of(arguments)
    facts = {} if start is None else dict(start.facts)
    raw = start is None or has_raw(facts, "vision")
    given = tokenizers_of(arguments) if raw else None
    if given is not None:
        made = ("vision_", "audio_") if model.config.audio is not None else ("vision_",)
        facts |= {fact: said for fact, said in given.facts.items() if fact.startswith(made)}
    elif raw:
        facts |= _run_facts([run_folder(arguments, "vision")], "vision", {})
    heard = run_folder(arguments, "audio")
    if given is None and model.config.audio is not None and (heard / FILE).exists():
        facts |= _run_facts([heard], "audio", {})
    folders = [run_folder(arguments, "flow")]
    folders += [runs / folders[0].name for runs in arguments.also]
    facts |= _run_facts(folders, "flow", facts)
    facts |= {"name": arguments.preset, "date": date.today().isoformat()}
    if "untrained" in facts:
        facts["untrained"] = []
    facts["concepts"] = [concept.name for concept in CONCEPTS]
    facts["words"], facts["palette"] = words_of_wishes(WISHES), palette()
    average = mean([averaged_weights(folder)[0] for folder in folders])
    before = {} if start is None or not arguments.keep else start.model.state_dict()
    model.load_state_dict(merged(before, average, arguments.keep))
    if arguments.dictionary is not None:
        load_dictionary(model.vision, arguments.dictionary, PARTS)
    save_checkpoint(arguments.out, model, tokenizer, facts)
    _export_heads(arguments, model, tokenizer, folders, start)
    seal(arguments.out)
    print(json.dumps(facts))


def _export_heads(
    arguments: argparse.Namespace,
    model: OmniModel,
    tokenizer: TextTokenizer,
    folders: Sequence[Path],
    start: Checkpoint | None,
) -> None:
    """Save the mean of the runs' probes beside the model; delete older ones where the runs trained
    none."""
    for name in (LANDMARKS, PROMPTS):
        (arguments.out / name).unlink(missing_ok=True)
    learned = [weights for weights in map(auxiliary_weights, folders) if weights]
    if not learned:
        return
    heads = ProbeLoss(model, tokenizer.pieces(range(model.config.text_vocabulary)))
    names = heads.state_dict()
    after = mean([{name: weights[name] for name in names} for weights in learned])
    if start is not None and start.landmarks is not None:
        heads.initialise(start.landmarks, start.prompts)
    old = {} if start is None or start.landmarks is None else heads.state_dict()
    heads.load_state_dict(merged(old, after, arguments.keep))
    heads.answers.save(arguments.out)
    heads.prompts.save(arguments.out, PROMPTS)


def _run_facts(folders: Sequence[Path], stage: str, before: dict[str, Any]) -> dict[str, Any]:
    """Return the stage's totals (steps, examples, minutes) over the parent and the runs, with the
    last report."""
    what = "clips_seen" if stage == "audio" else "pictures_seen"
    facts = {f"{stage}_{k}": before.get(f"{stage}_{k}", 0) for k in ("steps", what, "minutes")}
    for folder in folders:
        _, (step, seen, seconds) = averaged_weights(folder)
        grown = {"steps": step, what: seen, "minutes": round(seconds / 60, 1)}
        facts = {f"{stage}_{k}": facts[f"{stage}_{k}"] + v for k, v in grown.items()}
    facts[f"{stage}_minutes"] = round(facts[f"{stage}_minutes"], 1)
    return {**facts, f"{stage}_report": _last_report(folders)}


def _last_report(folders: Sequence[Path]) -> dict[str, float]:
    """Return the latest value of each reported figure."""
    found: dict[str, float] = {}
    for folder in folders:
        for line in (folder / "log.jsonl").read_text().splitlines():
            found |= json.loads(line).get("report", {})
    return found
