"""The right edge of a tree: what appending needs, and nothing else."""

from __future__ import annotations

import pytest

from refbus.errors import MalformedError
from refbus.tlog.edge import Edge
from refbus.tlog.hashing import EMPTY_ROOT, leaf_hash
from refbus.tlog.proofs import Head
from support.logs import entries, head_of

DATA = entries(40)


def test_an_edge_that_grows_has_the_root_of_the_tree() -> None:
    """After each leaf, size and root are those of RFC 6962, and as many hashes are kept as the size has bits."""
    edge = Edge(0, ())
    assert edge.head == Head(0, EMPTY_ROOT)
    for count, entry in enumerate(DATA, start=1):
        edge.append(leaf_hash(entry))
        assert edge.head == head_of(DATA[:count])
        assert len(edge.encode()) == 32 * count.bit_count()
        assert Edge.parse(count, edge.encode()).head == edge.head


@pytest.mark.parametrize(
    ("size", "hashes"),
    [(-1, []), (0, [bytes(32)]), (1, []), (3, [bytes(32)]), (1, [bytes(31)]), (3, [bytes(32), bytes(33)])],
)
def test_an_edge_of_another_tree_is_refused(size: int, hashes: list[bytes]) -> None:
    """More or fewer hashes than a tree of that size has, or hashes of another length."""
    with pytest.raises(MalformedError):
        Edge(size, hashes)
