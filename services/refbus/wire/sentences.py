"""Sentences for a survivor, in the languages of the region. All but English are drafts, and say so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache

from refbus.errors import Code, SetupError
from refbus.resources import data_dir


@cache
def sentences(language: str) -> Mapping[str, str]:
    """Return the sentences of one language (one of `labels.LANGUAGES`) by name. Raises SetupError."""
    try:
        text = (data_dir("schemas") / "sentences" / f"{language}.json").read_text(encoding="utf-8")
        read: Mapping[str, str] = json.loads(text)["sentences"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SetupError(Code.FILE_UNREADABLE, f"sentences {language}: {type(error).__name__}") from None
    return read
