"""A memory of what was made last is bounded."""

from __future__ import annotations

from refbus.recent import Recent


def test_the_one_that_was_not_asked_for_longest_goes() -> None:
    """Asking keeps; putting again replaces."""
    held = Recent[str, int](2)
    held.put("a", 1)
    held.put("b", 2)
    assert held.get("a") == 1
    held.put("c", 3)
    assert (held.get("a"), held.get("b"), held.get("c")) == (1, None, 3)
    held.put("a", 4)
    assert (held.get("a"), held.get("c")) == (4, 3)
