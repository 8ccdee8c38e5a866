"""Faults against the running product, an independent journal and oracle, and agents that are broken on purpose."""
