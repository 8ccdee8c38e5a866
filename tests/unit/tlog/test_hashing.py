from __future__ import annotations

from hashlib import sha256

import pytest

from refbus.tlog.hashing import EMPTY_ROOT, leaf_hash, node_hash, parts_of, tree_root
from support.logs import NaiveTrees, mth

# The eight entries and the roots after each of the first n that the reference implementations of RFC 6962 are tested
# with (certificate-transparency, merkletree tests).
ENTRIES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_empty_root() -> None:
    """The root of an empty log is the hash of nothing."""
    assert sha256(b"").digest() == EMPTY_ROOT == tree_root(NaiveTrees([]), 0)


@pytest.mark.parametrize("size", range(1, 9))
def test_known_roots(size: int) -> None:
    """The roots are those that the reference implementations of RFC 6962 compute."""
    assert tree_root(NaiveTrees(ENTRIES), size).hex() == ROOTS[size - 1] == mth(ENTRIES[:size]).hex()


def test_leaf_is_no_node() -> None:
    """A leaf and a node over the same bytes have different hashes: RFC 6962 separates them by their first byte."""
    left, right = bytes(32), bytes([1]) * 32
    assert leaf_hash(left + right) != node_hash(left, right)


def test_parts_are_complete_subtrees() -> None:
    """A range is cut into complete subtrees from the left, the largest first."""
    assert list(parts_of(0, 7)) == [(2, 0), (1, 2), (0, 6)]
    assert list(parts_of(8, 11)) == [(1, 4), (0, 10)]
