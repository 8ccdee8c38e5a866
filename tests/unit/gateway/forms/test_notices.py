"""What is read to a person before consent: there in each language of the policies, whole, as the country signed it."""

from __future__ import annotations

import hashlib
import re

import pytest

from refbus.core.documents import read_toml
from support.tree import ROOT

NOTICES = ROOT / "keys" / "notices"
LANGUAGES = ["en", "kk", "ky", "ru", "tg", "tk", "uz"]


@pytest.mark.parametrize("country", ["kg", "kz", "tm", "uz"])
def test_a_notice_is_there_in_each_language_of_its_policy(country: str) -> None:
    """The languages of the region beside Russian and English; each has every sentence, in its own words."""
    for notice in read_toml((ROOT / "keys" / "policies" / f"{country}.toml").read_text(encoding="utf-8"))["notices"]:
        content = (NOTICES / f"{notice['notice_id']}.txt").read_bytes()
        assert hashlib.sha256(content).hexdigest() == notice["sha256"]
        assert notice["languages"] == LANGUAGES
        head, *parts = re.split(r"^\[([a-z]{2,3})\]$", content.decode(), flags=re.MULTILINE)
        texts = dict(zip(parts[::2], parts[1::2], strict=True))
        assert sorted(texts) == LANGUAGES
        assert "Development text" in head
        numbers = [[line.partition(".")[0] for line in text.split("\n") if line] for text in texts.values()]
        assert numbers == [list("1234567")] * len(LANGUAGES)
        assert len(set(texts.values())) == len(LANGUAGES)
