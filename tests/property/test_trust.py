"""Any bytes give a value or one of our errors; what parses writes the same bytes; no flipped bit is believed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refbus.core.directory import Directory, OrgRole
from refbus.core.ids import CountryCode, OrgId
from refbus.errors import RefbusError, UncheckableError
from refbus.resources import data_dir
from refbus.tlog.custody import LogSecret
from refbus.trust.canonical import dumps, loads
from refbus.trust.layout import check_file, publishing_order
from refbus.trust.member.audit_keys import AuditKeys, keys_of
from refbus.trust.member.endorsement import load_member
from refbus.trust.member.enrolment import Profile, enrolment_of, first_file, parse_request
from refbus.trust.member.enrolment_file import Enrolment
from refbus.trust.member.policy import compile_policy, parse_policy
from refbus.trust.member.target_file import MemberFile
from refbus.trust.publisher.custody import import_public
from refbus.trust.publisher.description import parse_description
from support.ceremonies import Lab, lab, read
from support.directories import NOW_MS, kem_private, signing_pair

ORG = OrgId("uz-she1ter1")
PROFILE = Profile(ORG, CountryCode("uz"), OrgRole.NGO, "Fictional shelter")
MEMBER = first_file(PROFILE, signing_pair("property"), kem_private("property"), NOW_MS)
FILE = MEMBER.encode()
ENROLMENT = enrolment_of(MEMBER).encode()
AUDITOR = first_file(
    Profile(OrgId("uz-checker1"), CountryCode("uz"), OrgRole.AUDITOR, "Fictional auditor"),
    signing_pair("property"),
    kem_private("property"),
    NOW_MS,
    audit=keys_of(LogSecret(bytes(32)), "uz.audit.refbus.example", ["2026b"]),
)
AUDIT_FILE = AUDITOR.encode()
AUDIT_ENROLMENT = enrolment_of(AUDITOR).encode()
VKEY = AUDITOR.audit[0].vkey.encode()
POLICY = compile_policy((data_dir("keys") / "policies" / "uz.toml").read_text("utf-8"))

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)
_PARSERS: list[Callable[[bytes], object]] = [
    loads,
    MemberFile.parse,
    Enrolment.parse,
    parse_policy,
    parse_request,
    import_public,
    lambda content: load_member(content, ENROLMENT),
    lambda content: load_member(FILE, content),
    lambda content: load_member(content, AUDIT_ENROLMENT),
    lambda content: AuditKeys.of([content.decode("utf-8", "replace")]),
    lambda content: parse_description(content.decode("utf-8", "replace"), Path()),
    lambda content: compile_policy(content.decode("utf-8", "replace")),
]


@settings(max_examples=60)
@given(st.data(), st.sampled_from(_PARSERS))
def test_any_bytes_give_a_value_or_our_error(data: st.DataObject, parse: Callable[[bytes], object]) -> None:
    """Noise, JSON of any shape, and damaged files."""
    start = data.draw(st.sampled_from([FILE, ENROLMENT, POLICY, AUDIT_FILE, VKEY]))
    cut = data.draw(st.integers(0, len(start)))
    damaged = start[:cut] + data.draw(st.binary(max_size=4)) + start[cut + data.draw(st.integers(0, 4)) :]
    shaped = dumps({"format": "refbus/organisation/1", "x": data.draw(_JSON)})
    content = data.draw(st.sampled_from([data.draw(st.binary(max_size=200)), damaged, shaped]))
    with suppress(RefbusError):
        parse(content)


@given(st.dictionaries(_TEXT, _JSON, max_size=5))
def test_canonical_json_round_trips(value: dict[str, object]) -> None:
    """One value, one spelling."""
    assert loads(dumps(value)) == value


@settings(max_examples=150)
@given(st.integers(0, len(FILE) * 8 - 1))
def test_no_flipped_bit_of_a_member_file_brings_other_keys(bit: int) -> None:
    """A flip is refused, or it is in words that only the delegation signs.

    Keys, windows, id and role stay what they were.
    """
    changed = bytearray(FILE)
    changed[bit // 8] ^= 1 << bit % 8
    try:
        found = load_member(bytes(changed), ENROLMENT)
    except RefbusError:
        return
    good = load_member(FILE, ENROLMENT)
    assert (found.org_id, found.country, found.role) == (good.org_id, good.country, good.role)
    assert [(key.kid, key.public, key.not_before_ms, key.not_after_ms) for key in found.kem_keys] == [
        (key.kid, key.public, key.not_before_ms, key.not_after_ms) for key in good.kem_keys
    ]
    assert [key.ed25519 for key in found.signing_keys] == [key.ed25519 for key in good.signing_keys]


@settings(max_examples=100)
@given(st.integers(AUDIT_FILE.index(b'"audit_keys"') * 8, AUDIT_FILE.index(b'"country"') * 8 - 1))
def test_no_flipped_bit_brings_other_audit_keys(bit: int) -> None:
    """Every bit of the audit keys and of what vouches for them is needed."""
    changed = bytearray(AUDIT_FILE)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(RefbusError):
        load_member(bytes(changed), AUDIT_ENROLMENT)
    assert load_member(AUDIT_FILE, AUDIT_ENROLMENT).audit_keys == AUDITOR.organisation.audit_keys


@given(st.text(max_size=80), st.binary(max_size=50))
def test_any_path_is_refused_or_stays_inside(path: str, content: bytes) -> None:
    """Whatever is accepted has no step upwards and no absolute part."""
    try:
        check_file(path, content)
    except RefbusError:
        return
    assert ".." not in path.split("/")
    assert not path.startswith("/")


@pytest.fixture(scope="module")
def fed() -> Iterator[Lab]:
    """Make one federation for all examples."""
    with tempfile.TemporaryDirectory() as folder:
        yield lab(Path(folder))


@pytest.fixture(scope="module")
def good(fed: Lab) -> Directory:
    """Return the directory that it publishes."""
    with tempfile.TemporaryDirectory() as folder:
        return read(fed.store(Path(folder)), fed.files())


@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_a_publication_in_any_order_ends_the_same(fed: Lab, good: Directory, data: st.DataObject) -> None:
    """Files shuffled, repeated: the version comes into force exactly when all are there, and nothing else does."""
    files = data.draw(st.permutations(fed.files()))
    again = data.draw(st.lists(st.sampled_from(files), max_size=4))
    with tempfile.TemporaryDirectory() as folder:
        store = fed.store(Path(folder))
        for path, content in [*again, *files]:
            try:
                store.add_file(path, content, NOW_MS)
            except UncheckableError:
                continue
        found = store.history.latest
        assert (found.version, found.organisations.keys()) == (1, good.organisations.keys())


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_no_flipped_bit_of_a_publication_is_believed(fed: Lab, good: Directory, data: st.DataObject) -> None:
    """One bit anywhere: the file is refused, or the set is, or the flip was in a signature beyond the threshold."""
    files = fed.files()
    number = data.draw(st.integers(0, len(files) - 1))
    path, content = files[number]
    changed = bytearray(content)
    bit = data.draw(st.integers(0, len(content) * 8 - 1))
    changed[bit // 8] ^= 1 << bit % 8
    files[number] = path, bytes(changed)
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = read(fed.store(Path(folder)), files)
        except RefbusError:
            return
        assert found == good


@given(
    st.permutations([f"metadata/{n}.{role}.json" for n in (1, 2, 10) for role in ("root", "kz", "snapshot", "targets")])
)
def test_publishing_order_is_one_order(paths: list[str]) -> None:
    """Whatever the order found on disk; versions by number, not by letter."""
    assert publishing_order(paths) == publishing_order(sorted(paths))
    roots = [path for path in publishing_order(paths) if "root" in path]
    assert roots == ["metadata/1.root.json", "metadata/2.root.json", "metadata/10.root.json"]
