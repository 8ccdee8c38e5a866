"""Code lists as data: the codes of each list and their source. A code that is not there is unknown, never a default.

A list is read when one of its codes is asked about, not before: that of all languages has eight thousand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from refbus.errors import Code, SetupError
from refbus.resources import data_dir


@dataclass(frozen=True, slots=True)
class CodeList:
    """One list. `codes` maps each code to its English label; `versions` has every version of the list, newest last.

    `since`: the version that a code came with, where it is not the first. `usual`: codes that a person chooses among;
    of a long list the rest is found by its code or name. `named_by`: where names in other languages come from, if not
    from the catalogues.
    """

    name: str
    versions: tuple[str, ...]
    title: str
    source: str
    codes: Mapping[str, str]
    other_spellings: Mapping[str, str]  # spellings met elsewhere, and the code of this list that they stand for
    since: Mapping[str, str] = field(default_factory=dict)
    usual: tuple[str, ...] = ()
    named_by: str = ""

    @property
    def version(self) -> str:
        """The newest version."""
        return self.versions[-1]

    def version_of(self, code: str) -> str:
        """Return the version that new events name: the oldest that has the code, so that most readers know it."""
        return self.since.get(code, self.versions[0])

    def knows(self, code: str, version: str) -> bool:
        """Whether `code` of that version of the list is known here. Codes are only ever added to a list."""
        return version in self.versions and code in self.codes


def load_code_list(path: Path) -> CodeList:
    """Return the list in one file of `schemas/codelists`. Raises SetupError: the installation is damaged."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        entries = document["codes"]
        return CodeList(
            name=document["list"],
            versions=tuple(document["versions"]),
            title=document["title"],
            source=document["source"],
            codes={code: entry["label"] for code, entry in entries.items()},
            other_spellings=document.get("other_spellings", {}),
            since={code: entry["since"] for code, entry in entries.items() if "since" in entry},
            usual=tuple(code for code, entry in entries.items() if "usual" in entry or not _is_rare(document, entry)),
            named_by=document.get("named_by", ""),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SetupError(Code.FILE_UNREADABLE, f"code list {path.name}: {type(error).__name__}") from None


def _is_rare(document: Mapping[str, object], entry: Mapping[str, object]) -> bool:
    """Whether a code is of a long list and marked neither as usual nor as one of its first version."""
    return bool(document.get("long")) and "since" in entry


@cache
def list_names() -> frozenset[str]:
    """Return the names of all code lists."""
    return frozenset(path.stem for path in _folder().glob("*.json"))


def code_lists() -> Mapping[str, CodeList]:
    """Return all code lists by name: every file is read."""
    return {name: code_list(name) for name in sorted(list_names())}


@cache
def _loaded(name: str) -> CodeList:
    return load_code_list(_folder() / f"{name}.json")


def known_list(name: str) -> CodeList | None:
    """Return a code list, None when the installation has no such list; the name may come from anybody."""
    return _loaded(name) if name in list_names() else None


def code_list(name: str) -> CodeList:
    """Return one code list. Raises SetupError FILE_UNREADABLE when the installation has no such list."""
    found = known_list(name)
    if found is None:
        raise SetupError(Code.FILE_UNREADABLE, f"code list {name}")
    return found


def _folder() -> Path:
    return data_dir("schemas") / "codelists"
