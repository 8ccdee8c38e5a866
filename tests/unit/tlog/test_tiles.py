from __future__ import annotations

import pytest

from refbus.errors import RefbusError
from refbus.tlog.hashing import leaf_hash, tree_root
from refbus.tlog.proofs import inclusion_proof
from refbus.tlog.tiles import (
    Tile,
    TileTrees,
    encode_bundle,
    level_sizes,
    split_bundle,
    split_hashes,
    tile_of,
    tiles_after,
)
from support.logs import NaiveTrees, entries, mth


def test_paths_of_the_specification() -> None:
    """Index 1234067 is written as in the example of tlog-tiles, partial tiles with their width."""
    assert Tile(0, 1234067).path == "tile/0/x001/x234/067"
    assert Tile(None, 5, 112).path == "tile/entries/005.p/112"
    assert Tile(63, 0).path == "tile/63/000"


@pytest.mark.parametrize(
    "path",
    [
        "tile/00/000",
        "tile/0/1",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/64/000",
        "tile/0/000.p/256",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/entries/000/",
        "tile/-1/000",
        "tile/0/٠٠٠",
        "tile/0/../000",
        "checkpoint",
        "tile/0/" + "x001/" * 7 + "000",
        "tile/0/" + "x001/" * 1_500 + "000",  # more digits than Python makes a number of
    ],
)
def test_other_spellings_are_refused(path: str) -> None:
    """A path has one spelling."""
    with pytest.raises(RefbusError):
        Tile.parse(path)


def test_a_tree_of_70000() -> None:
    """The example of tlog-tiles: 273 full tiles and one of 112, one full and one of 17, and one of 1."""
    tiles = [tile for tile in tiles_after(0, 70_000) if tile.level is not None]
    of = {level: [tile for tile in tiles if tile.level == level] for level in range(3)}
    assert [len(of[0]), of[0][-1].width, len(of[1]), of[1][-1].width, len(of[2]), of[2][-1].width] == [
        274,
        112,
        2,
        17,
        1,
        1,
    ]
    assert {tile.width for tile in of[0][:-1]} == {256}
    assert [tile for tile in tiles_after(0, 256)] == [Tile(0, 0), Tile(None, 0), Tile(1, 0, 1)]  # noqa: C416


def test_tiles_after_is_what_is_new() -> None:
    """Between two sizes exactly the tiles are written that the smaller log did not have."""
    for old, new in [(0, 1), (1, 1), (255, 256), (256, 257), (3, 600), (65_535, 65_536), (65_600, 65_601)]:
        before, after = set(tiles_after(0, old)), set(tiles_after(0, new))
        assert after - before <= set(tiles_after(old, new)) <= after
    assert list(tiles_after(5, 5)) == []


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 600])
def test_roots_from_tiles(size: int) -> None:
    """The root out of tiles is the root of the tree."""
    data = entries(size)
    trees = NaiveTrees(data)

    def fetch(tile: Tile) -> bytes:
        level = tile.level or 0
        first = tile.index * 256
        return b"".join(trees.subtree(8 * level, first + at) for at in range(tile.width))

    assert tree_root(TileTrees(fetch, size), size) == mth(data)


def test_a_proof_reads_few_tiles() -> None:
    """What a proof needs of one tile is read once: two tiles of a level at most, one on the way up, one at the edge."""
    size, read = 70_000, list[Tile]()

    def fetch(tile: Tile) -> bytes:
        read.append(tile)
        return bytes(32 * tile.width)

    for index in (0, 255, 256, 40_000, 65_535, 65_536, 69_999):
        read.clear()
        inclusion_proof(TileTrees(fetch, size), index, size)
        assert len(read) <= 6
        assert len({(tile.level, tile.index) for tile in read}) == len(read)


def test_bundles() -> None:
    """A bundle gives its entries back, and nothing else passes for it."""
    some = [b"", b"a", bytes(65_535)]
    data = encode_bundle(some)
    assert split_bundle(data, 3) == some
    for wrong, width in [(data, 2), (data, 4), (data + b"\x00", 3), (data[:-1], 3), (data + b"\x00\x05a", 4)]:
        with pytest.raises(RefbusError):
            split_bundle(wrong, width)
    with pytest.raises(RefbusError):
        encode_bundle([bytes(65_536)])


def test_sizes() -> None:
    """A tile of another size is refused, and so is one outside the log."""
    assert split_hashes(leaf_hash(b"") * 2, 2) == [leaf_hash(b"")] * 2
    with pytest.raises(RefbusError):
        split_hashes(bytes(33), 1)
    for level, index in [(0, 2), (1, 1), (2, 0), (0, -1)]:
        with pytest.raises(RefbusError):
            tile_of(level, index, 300)
    assert tile_of(0, 1, 300) == Tile(0, 1, 44)
    assert list(level_sizes(300)) == [(0, 300), (1, 1)]
