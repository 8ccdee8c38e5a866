"""Code lists as data: the codes of each list and their source. A code that is not there is unknown, never a default."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from refbus.errors import Code, SetupError
from refbus.resources import data_dir


@dataclass(frozen=True, slots=True)
class CodeList:
    """One list. `codes` maps each code to its English label; `versions` has every version of the list, newest last."""

    name: str
    versions: tuple[str, ...]
    title: str
    source: str
    codes: Mapping[str, str]
    other_spellings: Mapping[str, str]  # spellings met elsewhere, and the code of this list that they stand for

    @property
    def version(self) -> str:
        """The version that new events name."""
        return self.versions[-1]

    def knows(self, code: str, version: str) -> bool:
        """Whether `code` of that version of the list is known here. Codes are only ever added to a list."""
        return version in self.versions and code in self.codes

    def nearest(self, text: str) -> str | None:
        """Return the code that `text` was probably meant to be, as a hint; it is never put in its place."""
        if text in self.other_spellings:
            return self.other_spellings[text]
        folded = {code.casefold(): code for code in self.codes}
        close = difflib.get_close_matches(text.casefold(), folded, n=1, cutoff=0.7)
        return folded[close[0]] if close else None


def load_code_list(path: Path) -> CodeList:
    """Return the list in one file of `schemas/codelists`. Raises SetupError: the installation is damaged."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return CodeList(
            name=document["list"],
            versions=tuple(document["versions"]),
            title=document["title"],
            source=document["source"],
            codes={code: entry["label"] for code, entry in document["codes"].items()},
            other_spellings=document.get("other_spellings", {}),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SetupError(Code.FILE_UNREADABLE, f"code list {path.name}: {type(error).__name__}") from None


@cache
def code_lists() -> Mapping[str, CodeList]:
    """Return all code lists by name."""
    folder = data_dir("schemas") / "codelists"
    return {path.stem: load_code_list(path) for path in sorted(folder.glob("*.json"))}


def code_list(name: str) -> CodeList:
    """Return one code list. Raises SetupError FILE_UNREADABLE when the installation has no such list."""
    try:
        return code_lists()[name]
    except KeyError:
        raise SetupError(Code.FILE_UNREADABLE, f"code list {name}") from None
