"""The catalogue of all error codes, in the order of `refbus.errors`. `docs/reference/errors.md` is made from it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from refbus.errors import Code, Explanation
from refbus.explain.decisions import CONSENT, RULES
from refbus.explain.emergencies import EMERGENCY
from refbus.explain.logs import LOG
from refbus.explain.messages import BYTES, DIRECTORY, ENVELOPE, KEYS
from refbus.explain.operations import GATEWAY, MACHINE
from refbus.explain.returns import RETURN

SECTIONS: Mapping[str, Mapping[Code, Explanation]] = MappingProxyType(
    {
        "Form of the data": BYTES,
        "Messages": ENVELOPE,
        "Directory": DIRECTORY,
        "Keys": KEYS,
        "Consent": CONSENT,
        "Rules and the gate": RULES,
        "Return home": RETURN,
        "Emergency disclosure": EMERGENCY,
        "Gateway": GATEWAY,
        "Settings, broker and disk": MACHINE,
        "Audit log": LOG,
    }
)
"""The catalogue by subject, as the reference page shows it."""

CATALOGUE: Mapping[Code, Explanation] = MappingProxyType(
    {code: text for section in SECTIONS.values() for code, text in section.items()}
)
"""What each code means and what to do next. A test demands an entry for every code."""


def explanation(code: Code) -> Explanation:
    """Return the explanation of `code`."""
    return CATALOGUE[code]
