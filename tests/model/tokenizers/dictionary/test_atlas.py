"""Textures are kept as long as the weights that drew them."""

import torch

from model.tokenizers.dictionary.atlas import KEPT, DrawingAtlas


def _atlas() -> DrawingAtlas:
    torch.manual_seed(0)
    return DrawingAtlas(num=KEPT + 8, channels=2, grid=2, width=4).eval()


def test_a_texture_is_the_same_alone_and_among_others() -> None:
    atlas = _atlas()
    alone = atlas.textures([5])
    many = atlas.textures([*range(KEPT + 8), 5])
    torch.testing.assert_close(many[[5, -1]], alone.expand(2, -1, -1, -1))
    torch.testing.assert_close(atlas.textures([5]), alone)


def test_no_colour_is_above_its_alpha() -> None:
    found = _atlas().textures(list(range(6)))
    assert bool((found[:, :3] <= found[:, 3:]).all())
    assert float(found.min()) >= 0 and float(found.max()) <= 1


def test_other_weights_draw_anew() -> None:
    atlas = _atlas()
    before = atlas.textures([1, 2])
    atlas.load_state_dict({n: w + 0.3 for n, w in atlas.state_dict().items()})
    assert not torch.equal(atlas.textures([1, 2]), before)
