"""Dynin-Omni's speech: prompts, numbers and codes are those of the published layout, with a codec
that is a program of its own."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.api.conversation import Conversation, Part, Turn
from engine.api.request import Request
from engine.api.sampling import Sampling
from flow.modality import Modality
from flow.sequence import OmniSequence, Segment, prompt, response
from model.convert.__main__ import main
from model.convert.layouts.shared_vocabulary import SAY, TRANSCRIBE
from model.loading.checkpoint import load_checkpoint
from model.loading.config_file import config_from_json
from model.prompt_template import Message, collate_prompts, layout
from model.tokenizers.text import BEGIN_AUDIO, END_AUDIO, NUM_MARKERS
from tests.engine.media.test_codec_process import command
from tests.model import coded_models as published
from tests.model.coded_pair import ASSISTANT, USER, WORDS, Pair
from tests.model.masked_models import BYTES_AND_MERGES, logits

FIRST = WORDS + published.NUM_IMAGE
"""Row of the first code of speech in the source."""
NUM = published.NUM_AUDIO["dynin"]
SOUND = (np.sin(np.arange(6400) / 5) * np.repeat([0.2, 0.8], 3200)).astype(np.float32)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair.dynin(tmp_path_factory.mktemp("dynin"), command())


def _theirs(pair: Pair, segments: Sequence[Segment]) -> list[int]:
    """Ids of the source that the segments of one row hold."""
    words = {pair.exchange.place(i): i for i in range(WORDS)}
    found: list[int] = []
    for segment in segments:
        ids = segment.tokens[0, :, 0].tolist()
        spoken = segment.modality is Modality.AUDIO
        found += [i + FIRST for i in ids] if spoken else [words[i] for i in ids]
    return found


def _asked(pair: Pair, conversation: Conversation, to: Modality) -> list[int]:
    return _theirs(pair, pair.engine.builder.prompt_of(Request(conversation, to), to))


def _heard(pair: Pair) -> list[int]:
    codes = pair.engine.encode(Part(audio=SOUND)).tokens[:, 0]
    assert len(codes) == 10
    s2t, soa, eoa = (pair.special(name) for name in ("s2t", "soa", "eoa"))
    return [s2t, soa, *(codes + FIRST).tolist(), eoa]


def test_words_of_speech_are_asked_for_as_published(pair: Pair) -> None:
    """The sound in its markers, then the conversation, with nothing that begins it."""
    found = _asked(pair, Conversation.write_down(SOUND), Modality.TEXT)
    chat = f"{USER}{TRANSCRIBE}<|eot_id|>{ASSISTANT}"
    assert found == [*_heard(pair), *pair.encoded(chat)]
    turns = (Turn("user", (Part(text="Hi"),)), Turn("assistant", (Part(text="Hello"),)))
    later = Conversation.ask("Who is it?", audio=SOUND)
    found = _asked(pair, Conversation((*turns, *later.turns)), Modality.TEXT)
    chat = f"{USER}Hi<|eot_id|>{ASSISTANT}Hello<|eot_id|>"
    chat += f"{USER}Who is it?{pair.at_once}<|eot_id|>{ASSISTANT}"
    assert found == [*_heard(pair), *pair.encoded(chat)]


def _saying(pair: Pair, words: str) -> list[int]:
    t2s, eos, soa = (pair.special(name) for name in ("t2s", "<|endoftext|>", "soa"))
    chat = f"<|startoftext|>{USER}{SAY}\n{words}<|eot_id|>{ASSISTANT}"
    return [t2s, *pair.encoded(chat), eos, soa]


def test_speech_is_asked_for_as_published(pair: Pair) -> None:
    """By the last words alone; or by those that were just answered."""
    turns = (Turn("user", (Part(text="Hi"),)), Turn("assistant", (Part(text="Hello"),)))
    asked = Conversation((*turns, *Conversation.ask(" A red heart? ").turns))
    assert _asked(pair, asked, Modality.AUDIO) == _saying(pair, "A red heart?")
    told = [Message(True, ("Hi",)), Message(False, ("A heart.",))]
    engine = pair.engine
    dialogue = engine.model.config.dialogue
    spans = layout(engine.tokenizer, told, opens=Modality.AUDIO, dialogue=dialogue)
    segments = collate_prompts([spans], engine.device)
    assert _theirs(pair, segments) == _saying(pair, "A heart.")


def test_the_logits_are_the_source_s(pair: Pair) -> None:
    """Words and speech in one sequence, half masked, what ends speech among them."""
    generator = torch.Generator().manual_seed(1)
    ends = torch.tensor([pair.special("eoa"), pair.special("<|endoftext|>")])
    rows = torch.cat([torch.arange(FIRST, FIRST + NUM), ends])
    heard, said = torch.randint(NUM, (2, 2, 12), generator=generator)
    said[:, -2:] = torch.tensor([NUM, NUM + 1])
    asked = torch.randint(BYTES_AND_MERGES, (2, 9), generator=generator)
    covered = torch.rand(2, 12, generator=generator) < 0.5
    model = pair.engine.model
    space = model.spaces[Modality.AUDIO]
    assert (space.num_codebooks, space.cardinality) == (1, NUM + 2)
    sequence = OmniSequence(
        (
            prompt(Modality.AUDIO, heard[..., None]),
            prompt(Modality.TEXT, asked[..., None] + NUM_MARKERS),
            response(Modality.AUDIO, said.masked_fill(covered, space.mask_id)[..., None]),
        )
    )
    with torch.inference_mode():
        found = model(sequence, 0.5)[2].logits(torch.empty(2, 0, 0))
    theirs = torch.cat([rows[heard], asked, rows[said].masked_fill(covered, pair.mask)], 1)
    wanted = logits(published.reference("dynin"), theirs)[:, 21:, rows]
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def _plainly(pair: Pair, before: list[int], places: int, steps: int) -> list[int]:
    """Greedy, over the reference model: block after block of 128, in every step the surest. Codes
    up to the first end."""
    model = published.reference("dynin")
    rows = [*range(FIRST, FIRST + NUM), pair.special("eoa"), pair.special("<|endoftext|>")]
    codes: list[int | None] = [None] * places
    for step in range(steps):
        masks = [pair.mask if k is None else rows[k] for k in codes]
        seen = logits(model, torch.tensor([[*before, *masks]]))[0, len(before) :, rows]
        sure, best = seen.softmax(-1).max(-1)
        open_places = [i for i, k in enumerate(codes) if k is None]
        in_turn = sorted(open_places, key=lambda i: (i // 128, -float(sure[i])))
        for i in in_turn[: places // steps]:
            codes[i] = int(best[i])
        assert len(open_places) == places - step * (places // steps)
    found = [k for k in codes if k is not None]
    return found[: next((i for i, k in enumerate(found) if k >= NUM), places)]


def test_speech_is_that_of_the_published_sampling(pair: Pair) -> None:
    asked = Conversation.ask("A red heart")
    request = Request(asked, Modality.AUDIO, Sampling(steps=12, temperature=0.0))
    ((answer,),) = pair.engine.generate_batch([request])
    wanted = _plainly(pair, _saying(pair, "A red heart"), 384, 12)
    assert answer.tokens[:, 0].tolist() == wanted
    assert len(set(wanted)) > 2


def test_its_config_says_how_it_speaks(pair: Pair, tmp_path: Path) -> None:
    """And one that was converted before has no speech until it is converted again."""
    config = pair.engine.model.config
    rows, tasks, flow = config.code_rows, config.dialogue.tasks, config.audio_flow
    assert rows is not None and tasks is not None
    assert rows.audio == FIRST + NUM_MARKERS
    assert rows.audio_ends == (END_AUDIO, pair.exchange.place(pair.special("<|endoftext|>")))
    assert (tasks.hears, tasks.speaks) == ("<|reserved_token_12|>", "<|reserved_token_15|>")
    assert pair.exchange.ids[BEGIN_AUDIO] == pair.special("soa")
    assert (flow.steps, flow.block, flow.temperature, flow.guidance_scale) == (128, 128, 1.0, 0.0)
    assert (config.audio_length, config.opened) == (384, ())
    file = pair.source.parent / "out" / "config.json"
    said = json.loads(file.read_text())
    assert said["audio"] is None, "which codec runs is not the checkpoint's to say"
    assert load_checkpoint(file.parent).model.config == config_from_json(said)
    del said["code_rows"]["audio_ends"]
    with pytest.raises(ValueError, match="convert an older Dynin-Omni again"):
        config_from_json(said).with_speech()


def test_named_markers_are_taken_by_their_names(tmp_path: Path) -> None:
    source = published.save("dynin", tmp_path / "source")
    for file in ("tokenizer.json", "tokenizer_config.json"):
        text = (source / file).read_text()
        for name, number in (("<|s2t|>", 7), ("<|eoa|>", 9)):
            text = text.replace(f"<|reserved_token_{number}|>", name)
        (source / file).write_text(text)
    assert main(["dynin", str(source), str(tmp_path / "out")]) == 0
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    tasks = config["dialogue"]["tasks"]
    assert (tasks["hears"], tasks["speaks"]) == ("<|s2t|>", "<|reserved_token_15|>")
    tokenizer = json.loads((tmp_path / "out" / "tokenizer.json").read_text())
    ids = {t["content"]: t["id"] for t in tokenizer["added_tokens"]}
    assert (ids["<|eoa|>"], ids["<|reserved_token_13|>"]) == (END_AUDIO, BEGIN_AUDIO)
