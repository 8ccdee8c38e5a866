"""Words for codes, in the languages of the region. Draft: to be reviewed by native speakers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache

from refbus.errors import Code, SetupError
from refbus.resources import data_dir
from refbus.wire.codelists import code_lists

LANGUAGES = ("en", "ru", "kk", "ky", "uz-Latn", "uz-Cyrl", "tk", "tg")
"""Languages and scripts of the labels, BCP 47."""


@cache
def labels(language: str) -> Mapping[str, Mapping[str, str]]:
    """Return the labels of one language, by code list and code. Raises SetupError."""
    try:
        document = json.loads((data_dir("schemas") / "labels" / f"{language}.json").read_text(encoding="utf-8"))
        read: Mapping[str, Mapping[str, str]] = document["labels"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SetupError(Code.FILE_UNREADABLE, f"labels {language}: {type(error).__name__}") from None
    return read


def label(language: str, list_name: str, code: str) -> str | None:
    """Return the words for a code; English of the list where that language has none; None for a code not known here."""
    known = code_lists().get(list_name)
    if known is None or code not in known.codes:
        return None
    return labels(language).get(list_name, {}).get(code, known.codes[code])
