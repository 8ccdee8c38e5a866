"""Keys, signatures and boxes of suite 1, all from `cryptography`: nothing here computes a primitive itself.

Each module wraps one construction: `framing` and `padding` (bytes), `kem` and `stanza` (who can open), `box` (the
committing AEAD), `sealed` (both together, for one reader), `signing`, `secretbox` (values at rest) and `keyfile`.
Specification: docs/spec/envelope.md.
"""
