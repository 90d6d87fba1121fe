"""The meaning of the codes: written and read back, and near where they are alike."""

import torch

from model.tokenizers.dictionary.codes import (
    CARDINALITY,
    CODE_DIM,
    COLOURS,
    LOOK,
    NAME,
    NUM_CODEBOOKS,
    PLACE,
    PLACES,
    SIZES_PX,
    STEPS_A_SIDE,
    codebooks,
    look_code,
    place_code,
    read,
)
from world.image import named_scenes
from world.image.recolouring import COLOURS as WORDS


def test_the_world_numbers_sizes_and_colours_alike() -> None:
    assert named_scenes.SIZES_PX == SIZES_PX
    assert WORDS == COLOURS


def test_every_look_is_written_and_read() -> None:
    sizes, colours, mirrored, turns = torch.meshgrid(
        torch.arange(len(SIZES_PX)), torch.arange(len(COLOURS)), torch.arange(2), torch.arange(4),
        indexing="ij",
    )  # fmt: skip
    codes = look_code(sizes, colours, mirrored, turns)
    assert len(codes.unique()) == codes.numel() and int(codes.max()) < CARDINALITY
    whole = torch.zeros(codes.numel(), 1, NUM_CODEBOOKS, dtype=torch.long)
    whole[:, 0, LOOK] = codes.flatten()
    named = read(whole)
    for found, true in (
        (named.sizes, sizes), (named.colours, colours), (named.mirrored, mirrored),
        (named.turns, turns),
    ):  # fmt: skip
        assert torch.equal(found[:, 0], true.flatten())


def test_a_place_is_read_within_half_a_step() -> None:
    random = torch.Generator().manual_seed(0)
    places = torch.rand(50, 64, 2, generator=random) * 1.4 - 0.7
    codes = torch.zeros(50, 64, NUM_CODEBOOKS, dtype=torch.long)
    codes[..., PLACE] = place_code(places)
    off = (read(codes).places - places).abs()
    assert float(off.max()) <= 0.5 / STEPS_A_SIDE + 1e-5


def test_positions_together_know_more_than_each() -> None:
    """The steps of neighbours begin elsewhere: their mean is much nearer than one of them."""
    random = torch.Generator().manual_seed(1)
    centres = torch.rand(200, 1, 2, generator=random) * 0.3
    codes = torch.zeros(200, 64, NUM_CODEBOOKS, dtype=torch.long)
    codes[..., PLACE] = place_code(centres.expand(-1, 64, -1))
    off = read(codes).places - centres
    inner = off.unflatten(1, (8, 8))[:, 2:6, 2:6].flatten(1, 2)
    assert inner.mean(1).abs().mean() < 0.3 * inner.abs().mean()


def test_codebooks_are_unit_and_tell_all_codes_apart() -> None:
    random = torch.Generator().manual_seed(2)
    likeness = torch.randn(600, 20, generator=random)
    books = codebooks(likeness, torch.randn(CARDINALITY, 32, generator=random))
    assert books.shape == (NUM_CODEBOOKS, CARDINALITY, CODE_DIM)
    torch.testing.assert_close(books.norm(dim=-1), torch.ones(books.shape[:2]))
    for book in books:
        nearest = (book @ book.T - 2 * torch.eye(CARDINALITY)).max()
        assert float(nearest) < 0.9999


def test_near_places_and_like_drawings_are_near() -> None:
    random = torch.Generator().manual_seed(3)
    likeness = torch.randn(40, 8, generator=random)
    likeness[1] = likeness[0] + 0.05
    books = codebooks(likeness, torch.randn(CARDINALITY, 32, generator=random))
    place = books[PLACE].view(PLACES, PLACES, -1)
    middle = place[16, 16]
    assert middle @ place[16, 17] > middle @ place[16, 20] > middle @ place[16, 31]
    assert middle @ place[17, 16] > middle @ place[20, 16] > middle @ place[31, 16]
    names = books[NAME]
    assert names[1] @ names[2] > (names[1] @ names[3:41].T).max()
