"""docs/reference/errors.md: every code with what it means and what to do."""

from __future__ import annotations

from refbus.explain import EXIT_CODES, SECTIONS
from tools.pages.markdown import document, sentence, table

_INTRO = """\
A command that fails says `error: CODE meaning (detail)` and `hint: what to do next` on standard error, and
with `--json` the same as one object on standard output. Codes are never renamed or used again."""
_EXIT_WORDS = {
    "SetupError": "usage, settings, key files or topics: a person must change something first",
    "TransportError": "the broker did not answer or did not take it: the same call may succeed later",
    "ConsentError": "the consent decision was no; every reason is told",
    "RuleError": "a rule of the course of help or of the country forbids it",
    "MalformedError": "the data does not have the form that it should have",
    "UntrustedError": "it was checked and it is false",
    "UncheckableError": "it could not be checked: a key, schema or directory version is not known here",
    "StoreError": "the local store failed; nothing was recorded",
}


def page() -> str:
    """Return the page."""
    rows = [(str(status), kind.__name__, _EXIT_WORDS[kind.__name__]) for kind, status in EXIT_CODES.items()]
    ends = [("0", "", "done"), ("1", "RefbusError", "anything else; INTERNAL_ERROR comes with a reference number")]
    blocks = [
        _INTRO,
        "## Exit status",
        table(("status", "class", "when"), [*ends, *rows, ("130", "", "stopped from the keyboard")]),
    ]
    for title, entries in SECTIONS.items():
        blocks.append(f"## {title}")
        for error_code, text in entries.items():
            blocks.append(f"### {error_code}\n\n{sentence(text.meaning)} **Next:** {text.next_step}")
    return document("Error codes", *blocks)
