"""Work on chosen cores: in a child process of its own, or for a process that runs already."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def cores() -> list[int]:
    """Return the cores that this process may use."""
    return sorted(os.sched_getaffinity(0))


def measured_core() -> int:
    """Return the core that is kept for what is measured."""
    return cores()[-1]


def other_cores() -> list[int]:
    """Return the cores for everything else; the measured one too when there is only that."""
    return cores()[:-1] or cores()


def pool(on: list[int], workers: int = 1) -> ProcessPoolExecutor:
    """Return fresh processes that stay on these cores. Leave it as a context manager: then they have ended."""
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=spawn, initializer=os.sched_setaffinity, initargs=(0, on))


def in_child(work: Callable[_Given, _Result], *given: _Given.args, **named: _Given.kwargs) -> _Result:
    """Run `work` in a fresh process on the measured core alone, and return what it returns."""
    with pool([measured_core()]) as one:
        return one.submit(work, *given, **named).result()


def module_argv(module: str, *arguments: str) -> tuple[str, ...]:
    """Return the command line that runs a module on the measured core."""
    start = f"import os, runpy; os.sched_setaffinity(0, [{measured_core()}]); "
    run = f"runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    return (sys.executable, "-c", start + run, *arguments)


def move(pid: int, on: list[int]) -> None:
    """Move every thread of a running process to these cores."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), on)
