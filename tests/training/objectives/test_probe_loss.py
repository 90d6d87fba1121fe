"""Where each letter of a clip is found, and what the middle of the backbone is asked."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from flow.modality import Modality
from flow.sequence import OmniSequence, response
from model.network.omni import OmniModel
from model.network.probes import EDIT_TARGET, PICTURE, REFERRED
from model.presets import PRESETS
from model.tokenizers.text import PAD, TextTokenizer
from training.checkpoints.text_metric import training_texts
from training.data.examples import UNKNOWN, Batch, with_mentions
from training.data.speech.forced_alignment import LETTERS, Line, align, spelled
from training.loop.auxiliary import AuxiliaryModules
from training.objectives.probe_loss import ProbeLoss, busy, loss
from world.concepts import CONCEPTS
from world.domain import domain
from world.patch_labels import LABELS, names
from world.text.sentences import transcript
from world.video.motion import FRAMES

WORDS = ("red", "dog", "big", "sun", "a", "the", "left", "cup")
CODES = 40
PIECES = [str(i) for i in range(PRESETS["tiny"].text_vocabulary)]
SILENT = 0


def _clip(rng: np.random.Generator) -> tuple[str, np.ndarray, np.ndarray]:
    """A sentence, its codes "L 2" and the character at each position. Every letter has three codes
    of its own in the first codebook; the second says nothing."""
    sentence = " ".join(rng.choice(WORDS, int(rng.integers(2, 5))))
    codes, at = [SILENT] * 4, [-1] * 4
    for i, letter in enumerate(sentence):
        if letter == " ":
            continue
        for _ in range(int(rng.integers(1, 4))):
            codes.append(1 + (3 * LETTERS.find(letter) + int(rng.integers(3))) % (CODES - 1))
            at.append(i)
    codes += [SILENT] * 3
    at += [-1] * 3
    other = rng.integers(CODES, size=len(codes))
    return sentence, np.stack([codes, other], 1).astype(np.uint16), np.array(at)


def test_letters_are_found_where_they_are_said() -> None:
    rng = np.random.default_rng(0)
    sentences, codes, truth = zip(*(_clip(rng) for _ in range(200)), strict=True)
    found = align(sentences, codes, CODES)
    right = np.concatenate([a == b for a, b in zip(found, truth, strict=True)])
    assert right.mean() > 0.85
    for path in found:
        said = path[path >= 0]
        assert bool((np.diff(said) >= 0).all()), "in the order of the sentence"


def test_a_clip_of_two_positions_has_a_path() -> None:
    (path,) = align(["the dog is left of the sun"], [np.zeros((2, 2), np.uint16)], CODES)
    assert path.shape == (2,)


def test_silences_stand_around_every_word() -> None:
    line = Line.of("a dog.")
    assert line.letters == (" ", "a", " ", "d", "o", "g", " ")
    assert line.at.tolist() == [-1, 0, -1, 2, 3, 4, -1]


def test_a_position_has_its_piece_and_its_letter() -> None:
    tokenizer = TextTokenizer.train(training_texts(50), 320)
    text = transcript("a red dog")
    path = np.array([-1, 0, 2, 4, 6, 8, -1])
    facts = spelled("a red dog", path, tokenizer)
    assert facts[0].tolist() == facts[-1].tolist() == [PAD, 0]
    assert [LETTERS[i - 1] for i in facts[1:-1, 1]] == ["a", "r", "d", "d", "g"]
    pieces = tokenizer.pieces(facts[1:-1, 0].tolist())
    assert all(text[i] in piece for i, piece in zip(path[1:-1], pieces, strict=True))


@pytest.fixture
def model() -> OmniModel:
    torch.manual_seed(0)
    config = PRESETS["tiny"]
    tokenizer = TextTokenizer.train(training_texts(50), config.text_vocabulary)
    return OmniModel(config, tokenizer.space())


def test_the_middle_learns_what_is_where(model: OmniModel) -> None:
    helpers = ProbeLoss(model, PIECES)
    codes = torch.randint(16, (3, 4, model.spaces[Modality.IMAGE].num_codebooks))
    shown = torch.stack([torch.randint(k, (3, 4)) for k in map(len, names())], -1)
    both = [*model.parameters(), *helpers.parameters()]
    optimiser = torch.optim.AdamW(both, lr=1e-2)
    losses: list[float] = []
    for _ in range(40):
        model.features(OmniSequence((response(Modality.IMAGE, codes),)))
        known = loss(helpers.answers, helpers.taken()[helpers.answers], shown, PICTURE)
        known.backward()
        assert model.backbone.norm.weight.grad is None, "what comes later is not asked"
        optimiser.step()
        optimiser.zero_grad()
        losses.append(float(known.detach()))
    assert losses[-1] < 0.2 * losses[0]


def test_what_is_unknown_is_not_asked(model: OmniModel) -> None:
    helpers = ProbeLoss(model, PIECES)
    codes = torch.randint(16, (2, 4, model.spaces[Modality.IMAGE].num_codebooks))
    shown = torch.stack([torch.randint(1, k, (2, 4)) for k in map(len, names())], -1)

    def asked(facts: torch.Tensor) -> float:
        model.features(OmniSequence((response(Modality.IMAGE, codes),)))
        return float(
            loss(helpers.answers, helpers.taken()[helpers.answers], facts, PICTURE).detach()
        )

    one_known = shown.clone()
    one_known[1] = UNKNOWN
    assert asked(one_known) != pytest.approx(asked(shown))
    none_known = torch.full_like(shown, UNKNOWN)
    assert asked(none_known) == 0


def test_a_pass_without_gradients_leaves_nothing_behind(model: OmniModel) -> None:
    helpers = ProbeLoss(model, PIECES)
    codes = torch.randint(16, (1, 4, model.spaces[Modality.IMAGE].num_codebooks))
    with torch.inference_mode():
        model.features(OmniSequence((response(Modality.IMAGE, codes),)))
    assert not helpers._features


def test_an_empty_place_counts_where_something_was_or_will_be(model: OmniModel) -> None:
    """A thing that is taken away leaves as much to learn as one that comes."""
    shown, given = torch.zeros(2, 1, 4, LABELS, dtype=torch.int64)
    shown[0, 0] = given[0, 1] = 3
    codes = torch.zeros(1, 4, model.spaces[Modality.IMAGE].num_codebooks, dtype=torch.int64)
    picture = OmniSequence((response(Modality.IMAGE, codes),))
    batch = Batch(picture, torch.ones(1, 4), shown=shown, given=given)
    assert busy(batch).tolist() == [[True, True, False, False]]
    assert busy(replace(batch, given=None)).tolist() == [[True, False, False, False]]
    frames = torch.zeros(1, 4 * FRAMES, codes.shape[-1], dtype=torch.int64)
    moving = torch.zeros(1, 4 * FRAMES, LABELS, dtype=torch.int64)
    moving[0, 4 * 3 + 2] = 1
    film = OmniSequence((response(Modality.VIDEO, frames),))
    found = busy(Batch(film, torch.ones(1, 4 * FRAMES), shown=moving))
    assert found.view(FRAMES, 4).tolist() == [[False, False, True, False]] * FRAMES


def test_what_will_change_is_asked_of_the_picture_in_the_prompt(model: OmniModel) -> None:
    """Of its things, and of empty places that something comes to."""
    helpers = ProbeLoss(model, PIECES)
    grid, books = 4, model.spaces[Modality.IMAGE].num_codebooks
    before = torch.randint(16, (1, grid, books))
    after = before.clone()
    after[0, 1] = (after[0, 1] + 1) % 16
    given = torch.ones(1, grid, LABELS, dtype=torch.int64)
    sequence = OmniSequence((response(Modality.IMAGE, before), response(Modality.IMAGE, after)))
    batch = Batch(
        sequence, torch.ones(1, grid), shown=given, given=given, stays=(before == after).all(-1)
    )
    places = torch.arange(grid)[None]
    optimiser = torch.optim.AdamW([*model.parameters(), *helpers.parameters()], lr=1e-2)
    found = {}
    for _ in range(30):
        model.features(sequence)
        found = helpers.losses(batch, places)
        (found[EDIT_TARGET][0] + found["in"][0]).backward()
        optimiser.step()
        optimiser.zero_grad()
    assert helpers.prompts.behind <= helpers.answers.behind
    assert float(found[EDIT_TARGET][0].detach()) < 0.1
    model.features(sequence)
    asked = helpers.taken()[helpers.prompts][:, :grid]
    (read,) = helpers.prompts.logits(asked, EDIT_TARGET)
    assert read.argmax(-1).tolist() == [[0, 1, 0, 0]]
    for other, causal in ((replace(batch, stays=None), False), (batch, True)):
        model.features(sequence)
        assert EDIT_TARGET not in helpers.losses(other, places, causal=causal)


def test_heads_of_a_checkpoint_are_taken_over(model: OmniModel) -> None:
    """Where it has none of prompts, those of its answers ask much the same."""
    known, fresh = ProbeLoss(model, PIECES), ProbeLoss(model, PIECES)
    fresh.initialise(known.answers, None)
    for heads in (fresh.prompts, fresh.answers):
        own = heads.state_dict()
        assert all(torch.equal(own[n], w) for n, w in known.answers.state_dict().items())
    fresh.initialise(known.answers, known.prompts)
    own = fresh.state_dict()
    assert all(torch.equal(own[name], weight) for name, weight in known.state_dict().items())


def test_heads_of_another_domain_are_left_out(model: OmniModel) -> None:
    known = ProbeLoss(model, PIECES)
    with domain("large"):
        fresh = ProbeLoss(model, PIECES)
    before = {name: weight.clone() for name, weight in fresh.state_dict().items()}
    fresh.initialise(known.answers, known.prompts)
    assert all(torch.equal(before[name], weight) for name, weight in fresh.state_dict().items())


def test_what_the_words_name_is_asked_where_there_is_a_thing_and_they_name_one(
    model: OmniModel,
) -> None:
    dog, cat = (1 + [c.name for c in CONCEPTS].index(name) for name in ("dog", "cat"))
    facts = np.array([[dog, 0, 1], [cat, 0, 1], [0, 0, 0], [cat, 0, 2]])
    asked = with_mentions(facts, "how many cats are there?")
    assert asked[:, -1].tolist() == [0, 1, UNKNOWN, 1]
    assert np.array_equal(asked[:, :-1], facts)
    assert (with_mentions(facts, "what is this?")[:, -1] == UNKNOWN).all()
    heard = with_mentions(facts, "a fox", absent=True)[:, -1]
    assert heard.tolist() == [0, 0, UNKNOWN, 0]

    helpers, books = ProbeLoss(model, PIECES), model.spaces[Modality.IMAGE].num_codebooks
    picture = response(Modality.IMAGE, torch.randint(16, (1, 4, books)))
    words = response(Modality.TEXT, torch.randint(16, (1, 3, 1)))
    given, places = torch.from_numpy(asked)[None], torch.arange(3)[None]
    batch = Batch(OmniSequence((picture, words)), torch.ones(1, 3), given=given)
    for causal in (False, True):
        model.features(batch.sequence)
        found = helpers.losses(batch, places, causal=causal)
        assert set(found) == ({"in"} if causal else {"in", REFERRED})


def test_a_run_goes_on_with_a_question_that_it_did_not_ask_before(model: OmniModel) -> None:
    """The heads it had go on; the new one, and how all of them move, begin."""
    before, after = (AuxiliaryModules(ProbeLoss(model, PIECES), 1e-3, 0.0) for _ in range(2))
    kept = before.kept()
    kept["weights"] = {n: w for n, w in kept["weights"].items() if REFERRED not in n}
    after.restore(kept)
    known = after.module.state_dict()
    assert all(torch.equal(known[name], weight) for name, weight in kept["weights"].items())
