"""Enrolments in bins: the move changes nobody, what came before still reads, no bin says more than was signed."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.core.directory import OrgRole, OrgStatus
from refbus.core.ids import OrgId
from refbus.errors import Code, MalformedError, RefbusError, SetupError
from refbus.trust.canonical import dumps, loads
from refbus.trust.member.enrolment import Profile, answer_challenge, check_answer, make_challenge, make_request
from refbus.trust.member.enrolment_bin import FORMAT, bin_of, differences, encode_bin, is_bin, parse_bin
from refbus.trust.publisher import changes
from refbus.trust.publisher.bins import use_bins
from refbus.trust.publisher.repository import Publication
from refbus.trust.reader.loader import TrustStore
from support.ceremonies import AGENCY, SHELTER, UZ, Lab, later, read
from support.directories import NOW_MS, kem_private, signing_pair
from support.readers import MEMBERS

NEWCOMER = OrgId("uz-newc0mer")
ITEM = dumps({"org_id": SHELTER, "x": 1})


def _move(fed: Lab, now_ms: int = NOW_MS) -> None:
    publication = fed.publication(now_ms)
    use_bins(publication)
    fed.publish(publication)


def _own(org_id: OrgId) -> str:
    return f"enrolment/{org_id}.json"


def test_the_move_changes_nobody(fed: Lab, store: TrustStore, tmp_path: Path) -> None:
    """A reader that had the files, and one that never had them, know the same members as before."""
    before = store.history.latest.organisations
    _move(fed)
    names = fed.publication().names("targets")
    assert all(map(is_bin, names))
    assert len(before) == MEMBERS
    assert dict(read(store, fed.files()).organisations) == dict(before)
    assert dict(read(fed.store(tmp_path / "newcomer"), fed.files()).organisations) == dict(before)
    assert store.problems == ()
    again = fed.store(tmp_path / "reader")
    assert again.load(NOW_MS) == store.history
    assert dict(again.history.latest.organisations) == dict(before)


def test_the_move_is_made_once(fed: Lab) -> None:
    """And an empty one is an error at the ceremony."""
    _move(fed)
    with pytest.raises(SetupError) as caught:
        use_bins(fed.publication())
    assert caught.value.code is Code.USAGE


def test_the_ceremony_goes_on_in_bins(fed: Lab, store: TrustStore) -> None:
    """Enrolment, a second enrolment of the same id, revocation by the anchors: as with files."""
    _move(fed)
    pair, kem = signing_pair("bins"), kem_private("bins")
    request = make_request(Profile(NEWCOMER, UZ, OrgRole.NGO, "Fictional newcomer"), pair, kem, NOW_MS)
    challenge, pending = make_challenge(request)
    member = check_answer(pending, answer_challenge(challenge, request, kem), request)
    publication = fed.publication()
    changes.enrol(publication, member)
    assert publication.missing() == {"targets": 3, "uz": 1}
    assert f"  + enrolment of {NEWCOMER}" in publication.summary()
    fed.publish(publication)
    assert _own(NEWCOMER) not in fed.publication().names("targets")
    assert read(store, fed.files()).organisations[NEWCOMER].status is OrgStatus.ACTIVE
    with pytest.raises(RefbusError):
        changes.enrol(fed.publication(), member)
    publication = fed.publication(later(1))
    changes.revoke(publication, NEWCOMER, pair.kid, later(1), by_anchors=True)
    assert publication.missing() == {"targets": 3}
    assert f"  ~ enrolment of {NEWCOMER}" in publication.summary()
    fed.publish(publication)
    assert read(store, fed.files(), later(1)).organisations[NEWCOMER].signing_keys[0].compromised_since_ms == later(1)
    assert pair.kid in store.history.latest.revoked_keys()


def test_a_file_and_a_bin_that_do_not_agree_enrol_nobody(
    fed: Lab, store: TrustStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same in both is one word; two words are none, for that organisation alone."""
    monkeypatch.setattr(Publication, "_check", lambda _self, _files: ())
    content = fed.publication().content("targets", _own(SHELTER))
    assert content is not None
    publication = fed.publication()
    publication.put("targets", bin_of(SHELTER), encode_bin({SHELTER: content}))
    fed.publish(publication)
    assert SHELTER in read(store, fed.files()).organisations
    other = dumps({**loads(content), "generation": 2})
    publication = fed.publication(later(1))
    publication.put("targets", bin_of(SHELTER), encode_bin({SHELTER: other}))
    fed.publish(publication)
    found = read(store, fed.files(), later(1)).organisations
    assert len(found) == MEMBERS - 1
    assert SHELTER not in found
    assert [(item.path, item.code) for item in store.problems] == [(f"uz/{SHELTER}.json", Code.DIRECTORY_INVALID)]


@pytest.mark.parametrize("content", [b"{}", b"junk", dumps({"format": FORMAT, "enrolments": {SHELTER: 1}})])
def test_a_bad_bin_takes_out_its_own_alone(
    fed: Lab, store: TrustStore, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """Everybody whose enrolment lies elsewhere stays."""
    _move(fed)
    monkeypatch.setattr(Publication, "_check", lambda _self, _files: ())
    publication = fed.publication(later(1))
    publication.put("targets", bin_of(SHELTER), content)
    fed.publish(publication)
    found = read(store, fed.files(), later(1)).organisations
    assert SHELTER not in found
    assert AGENCY in found
    assert {item.path for item in store.problems} >= {f"uz/{SHELTER}.json"}


@pytest.mark.parametrize(
    "value",
    [
        {"format": FORMAT},
        {"format": "refbus/enrolments/2", "enrolments": {}},
        {"format": FORMAT, "enrolments": []},
        {"format": FORMAT, "enrolments": {"nobody": {}}},
        {"format": FORMAT, "enrolments": {"uz-she1ter1": {}}, "more": 1},
        {"format": FORMAT, "enrolments": {"kz-agency01": {}}},
    ],
    ids=["no enrolments", "another format", "a list", "no id", "one field more", "an id of another bin"],
)
def test_a_bin_has_one_form(value: dict[str, object]) -> None:
    """What is missing, foreign or in the wrong bin is refused."""
    with pytest.raises(MalformedError):
        parse_bin(bin_of("uz-she1ter1"), dumps(value))


def test_a_bin_gives_back_the_bytes_of_each(fed: Lab) -> None:
    """What the anchors signed of an organisation has one spelling, wherever it lies."""
    content = fed.publication().content("targets", _own(SHELTER))
    assert content is not None
    assert parse_bin(bin_of(SHELTER), encode_bin({SHELTER: content})) == {SHELTER: content}


def test_who_signs_sees_who_is_meant() -> None:
    """A line for everybody who comes, changes or goes."""
    first, other = (
        {bin_of(org): encode_bin({org: content}) for org in (SHELTER, AGENCY)} for content in (ITEM, dumps({"x": 2}))
    )
    assert differences({}, first) == [f"  + enrolment of {AGENCY}", f"  + enrolment of {SHELTER}"]
    assert differences(first, {**first, bin_of(SHELTER): other[bin_of(SHELTER)]}) == [f"  ~ enrolment of {SHELTER}"]
    assert differences(first, {}) == [f"  - enrolment of {AGENCY}", f"  - enrolment of {SHELTER}"]
    assert differences(first, first) == []


def test_no_country_lists_a_bin(fed: Lab, store: TrustStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bin in a country's list enrols nobody: it is a file outside of its folder."""
    monkeypatch.setattr(Publication, "_check", lambda _self, _files: ())
    publication = fed.publication()
    publication.put(UZ, bin_of(NEWCOMER), encode_bin({NEWCOMER: ITEM}))
    fed.publish(publication)
    assert NEWCOMER not in read(store, fed.files()).organisations
    assert [(item.path, item.code) for item in store.problems] == [("uz", Code.DIRECTORY_INVALID)]


def test_a_revocation_leaves_no_second_word_behind(fed: Lab, store: TrustStore) -> None:
    """An older program put a file beside the bin: what the anchors say next takes the place of both."""
    _move(fed)
    publication = fed.publication()
    found = publication.content("targets", bin_of(SHELTER))
    assert found is not None
    publication.put("targets", _own(SHELTER), parse_bin(bin_of(SHELTER), found)[SHELTER])
    fed.publish(publication)
    kid = read(store, fed.files()).organisations[SHELTER].signing_keys[0].kid
    publication = fed.publication(later(1))
    changes.revoke(publication, SHELTER, kid, later(1), by_anchors=True)
    fed.publish(publication)
    assert _own(SHELTER) not in fed.publication(later(1)).names("targets")
    assert read(store, fed.files(), later(1)).organisations[SHELTER].signing_keys[0].compromised_since_ms == later(1)
