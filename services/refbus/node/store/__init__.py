"""The node store: the one place where a country's services keep what must be true. See `docs/design/gate.md`."""
