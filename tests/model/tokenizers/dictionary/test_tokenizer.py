"""The picture dictionary: what codes name is drawn where they say, and unknown codes do no harm."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from model.loading.config_file import config_from_json
from model.presets import PRESETS
from model.tokenizer_config import VisionConfig
from model.tokenizers.dictionary.codes import (
    CARDINALITY,
    CODE_DIM,
    COLOURS,
    GROUND,
    LOOK,
    NAME,
    NOTHING,
    NUM_CODEBOOKS,
    PLACE,
    SIZES_PX,
    codebooks,
    look_code,
    place_code,
    read,
)
from model.tokenizers.dictionary.tokenizer import ImageDictionary
from model.tokenizers.dictionary.windows import CELL_PX, cell_centres, centres, composed, windows
from model.tokenizers.image import VisionTokenizer
from tests.model.tokenizers.dictionary.small import CONFIG, GRID, dictionary, marks

VISION = VisionConfig(
    image_px=256,
    patch_px=32,
    num_codebooks=NUM_CODEBOOKS,
    cardinality=CARDINALITY,
    code_dim=CODE_DIM,
    dictionary=CONFIG,
)


def codes_of(
    name: int, x: float, y: float, px: int, *, colour: int = 0, mirrored: int = 0, turns: int = 0
) -> Tensor:
    """Codes "1 L Q" of one drawing at a point."""
    places = (cell_centres(GRID) - torch.tensor([x, y])) / px
    codes = torch.zeros(1, GRID**2, NUM_CODEBOOKS, dtype=torch.long)
    inside = (places.abs() < 0.5 + CELL_PX / 2 / px).all(-1)
    look = look_code(*(torch.tensor(n) for n in (SIZES_PX.index(px), colour, mirrored, turns)))
    codes[0, :, NAME] = torch.where(inside, name + 1, NOTHING)
    codes[0, :, PLACE] = torch.where(inside, place_code(places), 0)
    codes[0, :, LOOK] = torch.where(inside, look, 0)
    return codes


def front(model: ImageDictionary, codes: Tensor) -> Tensor:
    """Return the drawings without the ground, "1 4 H W"."""
    return composed(windows(read(codes), GRID, model.atlas, model.colours), GRID)


def test_a_drawing_is_drawn_where_its_codes_say() -> None:
    model, texture = dictionary(), marks()[1]
    drawn = front(model, codes_of(1, 128, 128, 128))[0]
    inside = drawn[:, 64:192, 64:192]
    assert float((inside - texture).square().mean()) < 2e-3
    outside = drawn.clone()
    outside[:, 60:196, 60:196] = 0
    assert float(outside.abs().max()) == 0


def test_positions_agree_on_the_centre() -> None:
    codes = codes_of(2, 101.3, 150.7, 96)
    named = read(codes)
    found = centres(named, GRID)[0][named.names[0] != NOTHING]
    np.testing.assert_allclose(found.numpy(), [[101.3, 150.7]] * len(found), atol=1.2)


def test_it_is_mirrored_turned_and_coloured() -> None:
    model = dictionary()
    plain = front(model, codes_of(0, 128, 128, 128))[0]
    mirrored = front(model, codes_of(0, 128, 128, 128, mirrored=1))[0]
    turned = front(model, codes_of(0, 128, 128, 128, turns=1))[0]
    assert float((mirrored - plain.flip(-1)).square().mean()) < 3e-3
    assert float((turned - plain.rot90(-1, (-2, -1))).square().mean()) < 3e-3
    assert float((mirrored - plain).square().mean()) > 3e-3
    red = front(model, codes_of(2, 128, 128, 128, colour=COLOURS.index("red")))[0]
    assert float(red[0, 128, 128]) > 0.9 and float(red[1:3].max()) == 0


def test_two_drawings_each_keep_their_place() -> None:
    model = dictionary()
    left, right = codes_of(0, 64, 128, 96), codes_of(3, 192, 128, 96)
    both = torch.where(left[..., :1] != NOTHING, left, right)
    expected = front(model, left) + front(model, right)
    assert float((front(model, both) - expected).square().mean()) < 1e-4


def test_without_a_drawing_only_the_ground_is_left() -> None:
    model = dictionary()
    codes = torch.randint(0, CARDINALITY, (1, GRID**2, NUM_CODEBOOKS))
    codes[..., NAME] = NOTHING
    ground = model.ground(model.ground_codes.vectors(codes))
    assert torch.equal(model.decode(codes), ground)


def test_any_code_is_decoded() -> None:
    """Codes that name nothing known, and the masked state, past the last code."""
    model = dictionary()
    codes = torch.randint(0, CARDINALITY + 1, (3, GRID**2, NUM_CODEBOOKS))
    made = model.decode(codes)
    assert made.shape == (3, 3, 256, 256) and bool(made.isfinite().all())
    for row in range(3):
        torch.testing.assert_close(model.decode(codes[row : row + 1]), made[row : row + 1])


def test_ground_codes_refine_each_other() -> None:
    ground = dictionary().ground_codes
    wanted = torch.randn(5, 30, ground.basis.shape[1]) * 6
    codes = ground.encode(wanted)
    left = [wanted - sum(ground.books[k][codes[..., k]] for k in range(n)) for n in (1, 2, 3)]
    errors = [float(x.square().mean()) for x in left]
    assert errors[0] > errors[1] > errors[2]


def test_a_named_position_keeps_the_first_ground_code_alone() -> None:
    model = dictionary()
    codes = torch.randint(0, CARDINALITY, (1, GRID**2, NUM_CODEBOOKS))
    codes[..., NAME] = 1
    other = codes.clone()
    other[..., PLACE] = other[..., LOOK] = 7
    vectors = model.ground_codes.vectors
    assert torch.equal(vectors(codes), vectors(other))
    other[..., GROUND] = (other[..., GROUND] + 1) % CARDINALITY
    assert not torch.equal(vectors(codes), vectors(other))


def test_what_is_wrongly_named_is_taken_as_ground() -> None:
    """An encoder that names a drawing everywhere in a plain picture is overruled."""
    model = dictionary()
    pixels = torch.zeros(1, 3, 256, 256)
    plain = model.plain(pixels)
    for parameter in model.ground.parameters():
        parameter.data.zero_()
    model.encoder.heads.weight.data.zero_()
    model.encoder.heads.bias.data.zero_()[1] = 1e3
    assert bool((model.named(pixels)[..., NAME] == 1).all())
    assert torch.equal(model.encode(pixels), plain)


def test_the_tokenizer_finds_its_codes_again_in_their_vectors() -> None:
    torch.manual_seed(0)
    tokenizer = VisionTokenizer(VISION).eval()
    books = codebooks(torch.randn(4, 12), torch.randn(CARDINALITY, 8))
    tokenizer.quantizer.get_parameter("codebooks").data.copy_(books)
    codes = torch.randint(0, CARDINALITY, (2, GRID**2, NUM_CODEBOOKS))
    codes[..., NAME] %= 5
    vectors = tokenizer.quantizer.decode(codes)
    assert tokenizer.dictionary is not None
    torch.testing.assert_close(tokenizer.pixels(vectors), tokenizer.dictionary.decode(codes))
    vectors[:, 3] = 0
    codes[:, 3] = CARDINALITY
    torch.testing.assert_close(tokenizer.pixels(vectors), tokenizer.dictionary.decode(codes))
    found = tokenizer.encode(torch.rand(1, 3, 256, 256) * 2 - 1)
    assert found.shape == (1, GRID**2, NUM_CODEBOOKS)


def test_config_survives_json_and_older_ones_have_none() -> None:
    config = replace(PRESETS["tiny"], vision=VISION)
    assert config_from_json(config.to_json()) == config
    written = PRESETS["tiny"].to_json()
    for added in ("patch_px", "dictionary"):
        del written["vision"][added]
    assert config_from_json(written) == PRESETS["tiny"]
