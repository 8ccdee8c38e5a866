"""What `topics plan|apply|drift` do, for every command that offers them: one job for each cluster, lines out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from refbus.bus import topicplan
from refbus.bus.port import Admin
from refbus.bus.topicset import Wanted
from refbus.each import each
from refbus.errors import Code, RefbusError, TransportError

Say = Callable[[str], None]
"""Prints one line."""


class Job(NamedTuple):
    """One cluster: what it must have, and the way to it."""

    wanted: Wanted
    admin: Admin


def show(jobs: Iterable[Job], say: Say, *, as_json: bool) -> bool:
    """Say what differs, for each cluster; return whether none does. Changes nothing.

    A cluster that does not answer keeps no other from being shown. Where there is no cluster to look at, nothing was
    found to be as declared: that is False too. Raises TransportError of the first that did not answer.
    """
    errors: list[RefbusError] = []
    clean = each(jobs, lambda job: _shown(job, say, as_json=as_json), lambda _, error: errors.append(error))
    if errors:
        raise errors[0]
    if not clean:
        say("no cluster was looked at: the settings name none")
    return bool(clean) and all(clean)


def _shown(job: Job, say: Say, *, as_json: bool) -> bool:
    found = topicplan.plan(job.wanted, job.admin)
    _say(say, found, as_json=as_json)
    return found.is_clean


def make(jobs: Iterable[Job], say: Say, *, as_json: bool, patience: int = 40) -> None:
    """Say what differs and make each cluster as declared. What only a person can do is left.

    A broker agrees first and shows later, so it is asked up to `patience` times, a quarter of a second apart. A cluster
    that fails keeps no other from being made. Raises TransportError of the first; TOPIC_DRIFT when it still does not
    show what it agreed to.
    """
    errors: list[RefbusError] = []
    each(jobs, lambda job: _make(job, say, patience, as_json=as_json), lambda _, error: errors.append(error))
    if errors:
        raise errors[0]


def _make(job: Job, say: Say, patience: int, *, as_json: bool) -> None:
    todo = topicplan.plan(job.wanted, job.admin)
    _say(say, todo, as_json=as_json)
    topicplan.apply(todo, job.admin)
    rest = topicplan.plan(job.wanted, job.admin)
    for _ in range(patience):
        if not rest.to_do:
            break
        time.sleep(0.25)
        rest = topicplan.plan(job.wanted, job.admin)
    if rest.to_do:
        raise TransportError(Code.TOPIC_DRIFT, f"{rest.summary()}; the broker may still be working on it")


def _say(say: Say, plan: topicplan.Plan, *, as_json: bool) -> None:
    for line in [json.dumps(plan.as_mapping())] if as_json else plan.lines():
        say(line)
