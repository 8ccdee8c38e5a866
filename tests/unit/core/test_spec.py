"""The specifications of consent and lifecycle say what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.errors import Code

SPEC = Path(__file__).parents[3] / "docs" / "spec"
REASONS = """MALFORMED, UNKNOWN_VALUE, NO_CONSENT, BAD_SIGNATURE, CHAIN_BROKEN, SUBJECT_MISMATCH, REFUSED, WITHDRAWN,
NOT_YET_VALID, EXPIRED, LIFETIME_EXCEEDS_POLICY, GRANTOR_NOT_ENTITLED, GUARDIAN_AUTHORITY_EXPIRED, ASSENT_MISSING,
NOTICE_UNKNOWN, PURPOSE_NOT_COVERED, ACTION_NOT_COVERED, RECIPIENT_NOT_COVERED, COUNTRY_NOT_COVERED,
CATEGORY_NOT_COVERED, ONWARD_NOT_COVERED, EXPLICIT_DENY, RECIPIENT_REVOKED, VIEW_STALE, LEGAL_BASIS_REQUIRED"""


def rows(name: str, first: str) -> list[list[str]]:
    """Return the cells of the table whose heading begins with `first`."""
    lines = (SPEC / name).read_text(encoding="utf-8").splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith(f"| {first} |"))
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def test_each_reason_of_the_decision_has_its_row() -> None:
    """All reason codes of the domain notes, none more."""
    written = [code.strip() for row in rows("consent.md", "code") for code in row[0].split(",")]
    assert sorted(written) == sorted(code.strip() for code in REASONS.split(","))
    assert set(written) <= {code.value for code in Code}


@pytest.mark.parametrize("name", ["consent.md", "lifecycle.md"])
def test_a_specification_is_short_and_begins_with_an_example(name: str) -> None:
    """Under 200 lines, the example in the first ten."""
    lines = (SPEC / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) < 200
    assert any(line.startswith("```") for line in lines[:10])
