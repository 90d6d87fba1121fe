"""Command line: python -m evaluation SUITE, with SUITE one of scenes, captions, thinking, editing,
video, tokenizer, chat; asr, tts, spoken_qa, sounds, omni (audio); any_to_any, cycle_consistency,
retrieval (all modalities). `all` runs every suite, `compare` puts two results side by side, `card`
prints one as the table of the model card, `sheet` draws uncurated examples, `smoke` checks that a
checkpoint runs, `pack` makes the clips of the audio suites. Progress goes to stderr; the result,
one line of JSON, is the last line of stdout and the content of --json FILE."""

import argparse
import json
import os
import sys
from pathlib import Path

from engine.api.default_checkpoint import SHIPPED, default_checkpoint
from engine.api.sampling import SAMPLERS, Sampling
from engine.cli.loading import folder_of
from engine.engine import Engine
from engine.media.images import png_bytes
from evaluation import pack, run_all
from evaluation.recording_engine import Group, RecordingEngine
from evaluation.report import contact_sheet, examples, html_page
from evaluation.report.compare import compare
from evaluation.report.model_card import card
from evaluation.result import AUTO, Measurement
from evaluation.run_all import AllResults
from evaluation.suites import any_to_any, catalogue, cycle_consistency, smoke
from evaluation.suites.catalogue import COMMANDS, SUITES, Run, stored_name
from flow.transition import TRANSITIONS
from world.domain import domain_of, take

QUICK = 0.1
"""The part of the default sizes that --quick runs."""
TABLES = {"matrix": any_to_any.table, "symmetric": cycle_consistency.table}
STOPPED = 130
"""The exit code of a command that Ctrl-C stopped."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return 0, or 2 after one sentence on stderr about a bad request."""
    arguments = _parser().parse_args(argv)
    commands = {
        "pack": _pack,
        "all": _all,
        "compare": _compare,
        "card": _card,
        "sheet": _sheet,
        "smoke": _smoke,
    }
    try:
        commands.get(arguments.suite, _suite)(arguments)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: cannot write {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the file keeps its results, all --resume continues", file=sys.stderr)
        return STOPPED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evaluation", description=__doc__)
    sampled = argparse.ArgumentParser(add_help=False)
    sampled.add_argument("--steps", type=int, help="refinement steps; default: the checkpoint's")
    sampled.add_argument("--guidance", type=float)
    sampled.add_argument("--temperature", type=float)
    sampled.add_argument("--sampler", choices=list(SAMPLERS), help="default: the checkpoint's")
    sampled.add_argument("--transition", help=f"kinetic sampler: {', '.join(TRANSITIONS)}")
    sampled.add_argument("--drafts", type=int, default=1, help="best of n images or videos")
    commands = parser.add_subparsers(dest="suite", required=True)
    for name, suite in SUITES.items():
        best = f", ideally a multiple of {suite.multiple}" if suite.multiple > 1 else ""
        settings = [_common(), *([sampled] if suite.sampled else [])]
        command, old = COMMANDS.get(name, name), [name] if name in COMMANDS else []
        one = commands.add_parser(command, aliases=old, parents=settings, help=suite.about)
        one.set_defaults(suite=name)
        one.add_argument(
            "--num", type=int, default=suite.num, help=f"number of {suite.about}{best}"
        )
        if suite.clips:
            one.add_argument("--pack", type=Path, default=pack.FOLDER, help="folder of the clips")
        if name == "scenes":
            one.add_argument("--sheet", type=Path, help="write the judged images (PNG)")
    _add_all(commands.add_parser("all", parents=[_common()], help="every suite in one file"))
    two = commands.add_parser("compare", help="two results side by side")
    two.add_argument("a", type=Path, metavar="A.json", help="a result of all suites, or of one")
    two.add_argument("b", type=Path, metavar="B.json")
    shown = commands.add_parser("card", help="a result as the table of the model card")
    shown.add_argument("result", type=Path, metavar="A.json", help="a result of all suites")
    drawn = commands.add_parser("sheet", parents=[_common(), sampled], help="uncurated examples")
    drawn.add_argument("--task", choices=contact_sheet.TASKS, required=True)
    drawn.add_argument(
        "--num", type=int, default=64, help="number of examples, from the first seed on"
    )
    drawn.add_argument("--out", type=Path, required=True, help="write the sheet (PNG)")
    drawn.add_argument("--pack", type=Path, default=pack.FOLDER, help="folder of the clips")
    tried = commands.add_parser("smoke", help="check that a checkpoint runs")
    tried.add_argument(
        "--model", type=Path, required=True, help="folder of the weights, or Hub name"
    )
    tried.add_argument("--steps", type=int, default=smoke.STEPS, help="steps of each run")
    _add_numbers(tried)
    codec = os.environ.get("NEXT_OMNI_SPEECH_CODEC") or None
    tried.add_argument("--speech-codec", default=codec, help="command, see docs/checkpoints.md")
    tried.add_argument("--json", type=Path, help="also write the result here")
    packed = commands.add_parser("pack", help="make the clips for asr, tts, spoken_qa and sounds")
    packed.add_argument("--speech", type=Path, required=True, help="folder of the speech corpus")
    packed.add_argument("--out", type=Path, default=pack.FOLDER)
    return parser


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--seed", type=int, default=0)
    common.add_argument("--json", type=Path, help="also write the result here")
    common.add_argument(
        "--checkpoint",
        type=Path,
        default=default_checkpoint(os.environ),
        help="folder of the weights",
    )
    _add_numbers(common)
    return common


def _add_numbers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--weights", default=AUTO, help="auto, or int8: half the memory")


def _add_all(parser: argparse.ArgumentParser) -> None:
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--num", type=int, help="about this number of items a suite")
    size.add_argument(
        "--share", type=float, default=1.0, help="share of the default sizes, above 0 to 1"
    )
    size.add_argument("--quick", action="store_true", help=f"the same as --share {QUICK:g}")
    parser.add_argument(
        "--only", nargs="+", type=stored_name, choices=SUITES, help="these suites", metavar="SUITE"
    )
    parser.add_argument("--resume", action="store_true", help="keep the results in --json")
    parser.add_argument("--report", type=Path, help="write a report page (HTML)")
    parser.add_argument("--against", type=Path, help="an earlier result to compare with")
    parser.add_argument("--pack", type=Path, default=pack.FOLDER, help="folder of the clips")


def _pack(arguments: argparse.Namespace) -> None:
    size = pack.write_pack(arguments.speech, arguments.out)
    print(f"{size / 1e6:.1f} MB in {arguments.out}")


def _suite(arguments: argparse.Namespace) -> None:
    given = vars(arguments)
    sampling = _sampling(arguments) if SUITES[arguments.suite].sampled else Sampling()
    folder, drawn = given.get("pack", pack.FOLDER), given.get("sheet")
    asked = (arguments.suite, arguments.num, arguments.seed, sampling, folder, drawn)
    run = Run(*asked, weights=arguments.weights)
    engine = _loaded(arguments)
    result = catalogue.result(engine, run, _name(arguments.checkpoint))
    if arguments.suite in TABLES:
        print(TABLES[arguments.suite](Measurement(result.metrics, result.judge, result.left_out)))
    if arguments.json is not None:
        arguments.json.write_text(result.to_json() + "\n")
    print(result.to_json())


def _name(checkpoint: Path) -> str:
    """Return the checkpoint as results name it: the shipped one by the same name everywhere."""
    return "assets/nano" if checkpoint == SHIPPED else str(checkpoint)


def _loaded(arguments: argparse.Namespace) -> Engine:
    engine = Engine.load(arguments.checkpoint, arguments.device, weights=arguments.weights)
    take(domain_of(engine.facts.get("concepts", ())))
    return engine


def _sampling(arguments: argparse.Namespace) -> Sampling:
    return Sampling(
        steps=arguments.steps,
        sampler=arguments.sampler,
        transition=arguments.transition,
        drafts=arguments.drafts,
        guidance_scale=arguments.guidance,
        temperature=arguments.temperature,
        seed=arguments.seed,
    )


def _all(arguments: argparse.Namespace) -> None:
    if arguments.resume and arguments.json is None:
        raise ValueError("--resume needs --json FILE: the file to continue")
    share = QUICK if arguments.quick else arguments.share
    names = [name for name in SUITES if name in (arguments.only or SUITES)]
    sizes = run_all.sizes(names, part=share, num=arguments.num)
    other = run_all.read(arguments.against) if arguments.against is not None else None
    before = _before(arguments.json) if arguments.resume else None
    _need_folders(arguments.json, arguments.report)
    engine = _loaded(arguments)
    if engine.max_audio_s:
        sizes = run_all.limit_to_clips(sizes, pack.read_pack(arguments.pack))
    asked = (_name(arguments.checkpoint), arguments.seed, sizes, arguments.pack)
    wanted = run_all.RunSpec(*asked, weights=arguments.weights)
    shown, page = dict[str, str](), arguments.report
    found = run_all.resumable(engine, wanted, before)
    if arguments.resume and page is not None and page.exists():
        shown = html_page.examples_in(page.read_text(), found)

    def after(so_far: AllResults, name: str, groups: tuple[Group, ...]) -> None:
        if arguments.json is not None:
            run_all.write(arguments.json, so_far.to_json() + "\n")
        if page is not None:
            if name in so_far.suites:
                shown[name] = examples.section(groups, html_page.key(so_far, name))
            run_all.write(page, html_page.page(so_far, shown))

    seen = RecordingEngine(engine) if page is not None else engine
    found = run_all.measure(seen, wanted, found, after)
    if other is not None:
        print(compare(other, found))
    print(found.to_json())


def _need_folders(*files: Path | None) -> None:
    for file in files:
        if file is not None and not file.parent.is_dir():
            raise ValueError(f"cannot write {file}: there is no folder {file.parent}")


def _before(file: Path) -> AllResults | None:
    found = run_all.read(file) if file.exists() else None
    if found is not None and not isinstance(found, AllResults):
        raise ValueError(f"{file} is the result of one suite: choose another file for all of them")
    return found


def _compare(arguments: argparse.Namespace) -> None:
    print(compare(run_all.read(arguments.a), run_all.read(arguments.b)))


def _card(arguments: argparse.Namespace) -> None:
    found = _before(arguments.result)
    if found is None:
        raise ValueError(f"there is no {arguments.result}: `python -m evaluation all` writes one")
    print(card(found))


def _smoke(arguments: argparse.Namespace) -> None:
    _need_folders(arguments.json)
    sampling = Sampling(steps=arguments.steps)
    how = {"weights": arguments.weights, "speech": arguments.speech_codec}
    engine = Engine.load(folder_of(arguments.model, os.environ), arguments.device, **how)
    tried = smoke.smoke(engine, sampling, lambda way: print(way, file=sys.stderr))
    lacking = smoke.not_tried(engine)
    found = smoke.to_json(tried, str(arguments.model), arguments.weights, lacking)
    if arguments.json is not None:
        arguments.json.write_text(found + "\n")
    print(smoke.table(tried, lacking))
    print(found)
    broken = [t.way for t in tried if not t.works]
    if broken:
        raise ValueError(f"{arguments.model} does not run: {', '.join(broken)}")


def _sheet(arguments: argparse.Namespace) -> None:
    _need_folders(arguments.out, arguments.json)
    engine = _loaded(arguments)
    asked = (arguments.task, arguments.num, arguments.seed, arguments.pack)
    tiles = contact_sheet.generate_tiles(
        engine, arguments.task, contact_sheet.collect_material(*asked), _sampling(arguments)
    )
    about = {
        "task": arguments.task,
        "checkpoint": _name(arguments.checkpoint),
        "weights": arguments.weights,
        "seed": arguments.seed,
        "num": len(tiles),
        "right": sum(t.right for t in tiles),
    }
    page = contact_sheet.sheet(tiles, contact_sheet.TASKS[arguments.task].columns)
    arguments.out.write_bytes(png_bytes(page, {"settings": json.dumps(about)}))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(about) + "\n")
    print(json.dumps(about))


if __name__ == "__main__":
    sys.exit(main())
