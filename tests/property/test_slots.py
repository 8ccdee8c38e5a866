"""Key slots under any order of adding, changing, replacing, locking out: exactly the people of today open the home."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode
from refbus.crypto import keyfile
from refbus.errors import RefbusError
from refbus.trust.homes import Home as MemberHome
from refbus.trust.homes import Identity
from refbus_gateway.home import slots
from refbus_gateway.home.folder import Home
from refbus_gateway.home.keyring import store_label
from refbus_gateway.home.slots import NewSlot
from support.ceremonies import AGENCY

LOW = 64
PEOPLE = st.integers(0, 3)
STEPS = st.lists(st.tuples(st.sampled_from(["add", "change", "replace", "out"]), PEOPLE, st.integers(0, 9)), max_size=8)


def new(person: int, word: int) -> NewSlot:
    """Return the slot of a fictional person."""
    return NewSlot(f"{person:016x}", f"person {person}", f"word {person} {word}", LOW)


@settings(max_examples=15, deadline=None)
@given(steps=STEPS)
def test_exactly_the_people_of_today_open_the_home(steps: list[tuple[str, int, int]]) -> None:
    """Each with the newest passphrase, all to the same secret, which opens the keys."""
    with TemporaryDirectory() as place:
        home = Home(Path(place) / "home")
        MemberHome.create(home.path, Identity(AGENCY, CountryCode("kz"), OrgRole.NGO), None)
        keyfile.save(home.store_key, "one for all", store_label(AGENCY), bytes(32), memory_kib=LOW)
        secret = slots.begin(home, "one for all", new(0, 0)).secret
        words = {0: 0}
        for what, person, word in steps:
            secret = step(home, secret, words, (what, person, word))
        assert keyfile.load(home.store_key, secret)[1] == bytes(32)
        for person in range(4):
            for word in {words.get(person, 0), 11}:
                try:
                    found = slots.sign_in(home, f"Person {person}", f"word {person} {word}").secret
                except RefbusError:
                    found = None
                assert found == (secret if words.get(person) == word else None)
        shutil.rmtree(home.path)


def step(home: Home, secret: str, words: dict[int, int], asked: tuple[str, int, int]) -> str:
    """Do one thing that is possible, and remember what is true then; return the home secret."""
    what, person, word = asked
    there = person in words
    if what == "add" and not there:
        slots.add(home, secret, new(person, word))
    elif what == "change" and there:
        slots.change_passphrase(home, f"{person:016x}", f"word {person} {words[person]}", f"word {person} {word}", LOW)
    elif what == "replace" and there:
        slots.replace_key(home, secret, new(person, word))
    elif what == "out" and there and len(words) > 1:
        del words[person]
        return slots.lock_out(home, secret, f"{person:016x}")
    else:
        return secret
    words[person] = word
    return secret
