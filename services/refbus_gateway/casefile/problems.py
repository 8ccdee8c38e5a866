"""What is wrong with a case file: every problem at once, each with its place, its code and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from refbus.errors import Code, MalformedError


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
        super().__init__(code, "1 problem" if count == 1 else f"{count} problems")


class Problems:
    """Collects problems while a file is read."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def invalid(self, path: str, advice: str) -> None:
        """Note a value that cannot stand as it is (CASE_INVALID)."""
        self._found.append(Problem(path, Code.CASE_INVALID, advice))

    def unknown(self, path: str, advice: str) -> None:
        """Note a word that is not in its list (UNKNOWN_VALUE)."""
        self._found.append(Problem(path, Code.UNKNOWN_VALUE, advice))

    def add(self, problem: Problem) -> None:
        """Note a problem that has a code of its own."""
        self._found.append(problem)

    def raise_if_any(self) -> None:
        """Raise CaseInvalidError when anything was noted."""
        if self._found:
            raise CaseInvalidError(self._found)
