"""What is wrong with a case file: every problem at once, each with its place, its code and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from refbus.core.placeholder import placeholders
from refbus.errors import Code, MalformedError
from refbus.said import said


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. `path` is like "person.prs_Citizenship[0]", empty for the file as a whole."""

    path: str
    code: Code
    advice: str


class CaseInvalidError(MalformedError):
    """The case file cannot be sent as it is. `problems` has every one; the message counts them and quotes nothing."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        codes = {problem.code for problem in self.problems}
        code = codes.pop() if len(codes) == 1 else Code.CASE_INVALID
        count = len(self.problems)
        super().__init__(code, said("1 problem") if count == 1 else said("%(count)s problems", count=count))


class Problems:
    """Collects problems while a file is read. `country`: of whoever reads them (ISO 3166-1), for examples."""

    def __init__(self, country: str = "") -> None:
        self.country = country
        self._found: list[Problem] = []
        self._unfilled: set[str] = set()

    @property
    def found(self) -> tuple[Problem, ...]:
        """What was noted so far."""
        return tuple(self._found)

    def invalid(self, path: str, advice: str) -> None:
        """Note a value that cannot stand as it is (CASE_INVALID)."""
        self.add(Problem(path, Code.CASE_INVALID, advice))

    def unknown(self, path: str, advice: str) -> None:
        """Note a word that is not in its list (UNKNOWN_VALUE)."""
        self.add(Problem(path, Code.UNKNOWN_VALUE, advice))

    def add(self, problem: Problem) -> None:
        """Note a problem, the first of each place: what a form printed there says it all."""
        if problem.path not in self._unfilled:
            self._found.append(problem)

    def refuse_placeholders(self, document: Mapping[str, Any]) -> None:
        """Note every place that still has the words of the form instead of an answer; call it first."""
        answers = {name: value for name, value in document.items() if name != "help"}
        for path in placeholders(answers):
            self._found.append(
                Problem(path, Code.CASE_INVALID, said("has the form's own words: write the answer instead"))
            )
            self._unfilled.add(path)

    def raise_if_any(self) -> None:
        """Raise CaseInvalidError when anything was noted."""
        if self._found:
            raise CaseInvalidError(self._found)
