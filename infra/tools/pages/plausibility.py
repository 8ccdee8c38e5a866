"""docs/reference/plausibility.md: every rule about facts that do not go together."""

from __future__ import annotations

from refbus.core.plausibility import RULES
from tools.pages.markdown import document, sentence, table

_INTRO = """\
One table for pages, commands, imports and what comes in (`refbus.core.plausibility`). A rule compares only facts that
are stated. REFUSED: no life can be so; the case or the event is not kept (FACTS_CONTRADICT). ASKED: it may be, and is
more often a slip of the hand; the worker corrects it, or writes why it is so under `confirmed` in the
[case file](../integrators/case-file.md) (FACTS_DOUBTFUL). A recipient refuses nothing for it: it is shown the rules
that what came in breaks, by the day and the rules of the sender's country at the moment when it was said. What is
stored is not judged again. The age has rules of its own there (AGE_CONTRADICTS, AGE_UNKNOWN)."""


def page() -> str:
    """Return the page."""
    rows = [(rule.name, str(rule.weight), ", ".join(rule.paths), sentence(rule.heading)) for rule in RULES]
    return document(
        "Facts that do not go together", _INTRO, table(("rule", "weight", "compares", "what is wrong"), rows)
    )
