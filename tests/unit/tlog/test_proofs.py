from __future__ import annotations

import pytest

from refbus.errors import Code, MalformedError, UntrustedError
from refbus.tlog.hashing import leaf_hash, node_hash
from refbus.tlog.proofs import Head, consistency_proof, inclusion_proof, verify_consistency, verify_inclusion
from support.logs import NaiveTrees, entries, head_of, mth

D = entries(7)
A, B, C, DD, E, F = (leaf_hash(entry) for entry in D[:6])
J = leaf_hash(D[6])
G, H, I = node_hash(A, B), node_hash(C, DD), node_hash(E, F)  # noqa: E741 - the letters of RFC 6962 §2.1.3, shifted
K, L = node_hash(G, H), node_hash(I, J)
TREE = NaiveTrees(D)
ROOT = Head(7, node_hash(K, L))


@pytest.mark.parametrize(("index", "path"), [(0, (B, H, L)), (3, (C, G, L)), (4, (F, J, K)), (6, (I, K))])
def test_audit_paths_of_the_rfc(index: int, path: tuple[bytes, ...]) -> None:
    """The audit paths are those of the example in RFC 6962 §2.1.3, and they hold."""
    assert inclusion_proof(TREE, index, 7) == path
    verify_inclusion(leaf_hash(D[index]), index, ROOT, path)


@pytest.mark.parametrize(("old", "proof"), [(3, (C, DD, G, L)), (4, (L,)), (6, (I, J, K))])
def test_consistency_proofs_of_the_rfc(old: int, proof: tuple[bytes, ...]) -> None:
    """The consistency proofs are those of the example in RFC 6962 §2.1.3, and they hold."""
    assert consistency_proof(TREE, old, 7) == proof
    verify_consistency(Head(old, mth(D[:old])), ROOT, proof)


def refused(check: object) -> bool:
    """Return whether calling `check` says PROOF_INVALID."""
    with pytest.raises(UntrustedError) as error:
        check()  # type: ignore[operator]
    return error.value.code is Code.PROOF_INVALID


@pytest.mark.parametrize("size", range(1, 20))
def test_every_changed_inclusion_proof_is_refused(size: int) -> None:
    """Another entry, place, size, root, hash, order or length refuses a proof."""
    data = entries(size)
    head = head_of(data)
    for index in range(size):
        proof, leaf = inclusion_proof(NaiveTrees(data), index, size), leaf_hash(data[index])
        verify_inclusion(leaf, index, head, proof)
        assert refused(lambda leaf=leaf, i=index, p=proof: verify_inclusion(leaf_hash(b"x"), i, head, p))
        assert refused(lambda leaf=leaf, i=index, p=proof: verify_inclusion(leaf, i + 1, head, p))
        assert refused(lambda leaf=leaf, i=index, p=proof: verify_inclusion(leaf, i, Head(size, bytes(32)), p))
        assert refused(lambda leaf=leaf, i=index, p=proof: verify_inclusion(leaf, i, head, (*p, bytes(32))))
        for at in range(len(proof)):
            other = (*proof[:at], bytes(32), *proof[at + 1 :])
            assert refused(lambda leaf=leaf, i=index, p=other: verify_inclusion(leaf, i, head, p))


@pytest.mark.parametrize("new", range(1, 20))
def test_every_changed_consistency_proof_is_refused(new: int) -> None:
    """A shorter, longer or edited old tree is refused with any proof that is at hand."""
    data = entries(new)
    for old in range(1, new):
        proof = consistency_proof(NaiveTrees(data), old, new)
        verify_consistency(head_of(data[:old]), head_of(data), proof)
        edited = head_of([b"edited", *data[1:old]])
        assert refused(lambda p=proof, o=edited: verify_consistency(o, head_of(data), p))
        assert refused(lambda p=proof, o=old: verify_consistency(head_of(data[:o]), head_of([*data[:-1], b"x"]), p))
        assert refused(lambda p=proof, o=old: verify_consistency(head_of(data[:o]), head_of(data), p[:-1]))
        assert refused(lambda p=proof, o=old: verify_consistency(head_of(data), head_of(data[:o]), p))


def test_deleted_and_reordered_entries_are_refused() -> None:
    """A log that dropped an entry, or exchanged two, has no consistency proof from the one before."""
    old, later = entries(5), entries(9)
    for changed in ([*later[:2], *later[3:]], [later[1], later[0], *later[2:]]):
        proof = consistency_proof(NaiveTrees(changed), 5, len(changed))
        assert refused(lambda c=changed, p=proof: verify_consistency(head_of(old), head_of(c), p))


def test_empty_and_equal_trees() -> None:
    """From nothing everything follows; equal sizes must have equal roots; neither takes a proof."""
    some, nothing = head_of(entries(3)), head_of([])
    verify_consistency(nothing, some, ())
    verify_consistency(some, some, ())
    verify_consistency(nothing, nothing, ())
    assert refused(lambda: verify_consistency(nothing, some, (bytes(32),)))
    assert refused(lambda: verify_consistency(some, Head(3, bytes(32)), ()))
    assert refused(lambda: verify_consistency(Head(0, bytes(32)), some, ()))
    assert refused(lambda: verify_consistency(some, nothing, ()))


def test_no_proof_outside_the_tree() -> None:
    """Asking for what is not there is a mistake of the caller."""
    with pytest.raises(MalformedError):
        inclusion_proof(TREE, 7, 7)
    with pytest.raises(MalformedError):
        consistency_proof(TREE, 8, 7)
    assert consistency_proof(TREE, 0, 7) == consistency_proof(TREE, 7, 7) == ()
