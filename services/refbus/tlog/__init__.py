"""Transparency logs as C2SP describes them: hashes, proofs, tiles, notes, checkpoints, cosignatures, policies.

Small modules without files, clock or network. What is written with them any verifier of these formats accepts:
RFC 6962, c2sp.org/tlog-tiles, signed-note, tlog-checkpoint, tlog-cosignature, tlog-witness, tlog-proof, tlog-policy.
"""
