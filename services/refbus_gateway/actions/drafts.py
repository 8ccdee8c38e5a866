"""Asking for forms that were begun: each person's own, kept after each step until the form is sent or dropped."""

from __future__ import annotations

from dataclasses import dataclass

from refbus.errors import Code, RuleError
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.store import drafts
from refbus_gateway.store.drafts import KEEP_MS, Draft, Fields

__all__ = ["Draft", "DraftKept", "Drafts", "drop", "keep", "kept", "listed"]


@dataclass(frozen=True, slots=True)
class DraftKept:
    """A draft is kept, and how often it was."""

    name: str
    revision: int


@dataclass(frozen=True, slots=True)
class Drafts:
    """The drafts of the one who asks, the oldest first."""

    drafts: tuple[Draft, ...]


def keep(desk: Desk, actor: Actor, name: str, fields: Fields, *, replaces: int | None = None) -> DraftKept:
    """Keep a form as far as it is filled in; `replaces`: the revision that it was changed from.

    Raises RuleError CASE_CHANGED when it was changed in another window meanwhile; MalformedError TOO_LARGE.
    """
    actor.require(Permission.WRITE_CASES)
    now_ms = desk.gateway.now_ms()
    with desk.write() as tx:
        found = drafts.of(tx, _person(actor), _over_ms(desk))
        before = found[name].revision if name in found else 0
        if replaces is not None and replaces != before:
            raise RuleError(Code.CASE_CHANGED)
        made = Draft(name, {each: list(texts) for each, texts in fields.items()}, before + 1, now_ms)
        drafts.put(tx, _person(actor), {**found, name: made})
    return DraftKept(name, made.revision)


def kept(desk: Desk, actor: Actor, name: str) -> Draft | None:
    """Return a draft of the one who asks, None when there is none or it is over."""
    actor.require(Permission.WRITE_CASES)
    with desk.read() as tx:
        return drafts.of(tx, _person(actor), _over_ms(desk)).get(name)


def listed(desk: Desk, actor: Actor) -> Drafts:
    """Return every draft of the one who asks."""
    actor.require(Permission.WRITE_CASES)
    with desk.read() as tx:
        return Drafts(tuple(drafts.of(tx, _person(actor), _over_ms(desk)).values()))


def drop(desk: Desk, actor: Actor, name: str) -> Drafts:
    """Forget a draft: it was sent, or is not wanted; return those that are left."""
    actor.require(Permission.WRITE_CASES)
    with desk.write() as tx:
        left = drafts.of(tx, _person(actor), _over_ms(desk))
        left.pop(name, None)
        drafts.put(tx, _person(actor), left)
        drafts.forget_over(tx, _over_ms(desk))
    return Drafts(tuple(left.values()))


def _over_ms(desk: Desk) -> int | None:
    """Return before which time (ms UTC) a draft is over; None while the clock is not one to forget by."""
    clock = desk.gateway.clock
    return clock.now_ms() - KEEP_MS if clock.may_forget() else None


def _person(actor: Actor) -> str:
    """Return whose drafts: those of the person who signed in, of the organisation where nobody does."""
    return f"{actor.org} {getattr(actor, 'person', '')}"
