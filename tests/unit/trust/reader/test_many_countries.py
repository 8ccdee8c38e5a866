"""Sixty countries: a description makes them, readers know them all, and each log has a policy and enough witnesses."""

from __future__ import annotations

from itertools import islice, product
from pathlib import Path
from string import ascii_lowercase

import pytest

from refbus.core.ids import CountryCode
from refbus.errors import MalformedError
from refbus.resources import data_dir
from refbus.tlog.checkpoint import Checkpoint, sign_checkpoint
from refbus.tlog.cosignature import cosign
from refbus.tlog.note import MOST_SIGNATURES, Note
from refbus.tlog.policy import Policy
from refbus.trust.layout import MAX_COUNTRIES, MAX_METADATA_BYTES, is_metadata, list_files
from refbus.trust.publisher.ceremony import Passphrases, create_development_federation
from refbus.trust.publisher.description import parse_description
from refbus.trust.reader.loader import TrustStore
from refbus.trust.reader.log_policy import log_policy, policy_text
from refbus_auditor.cosignatures import readable
from support.directories import NOW_MS, auditor, federation, log_name_of, log_secret

SIXTY = tuple("".join(pair) for pair in islice(product(ascii_lowercase, repeat=2), 60))


def described(folder: Path, codes: tuple[str, ...]) -> str:
    """Return a description of these countries, with the policy of kz under other names in `folder`."""
    model = (data_dir("keys") / "policies" / "kz.toml").read_text("utf-8")
    for code in codes:
        text = model.replace('country = "kz"', f'country = "{code}"').replace('"kz-agency01"', f'"{code}-agency01"')
        (folder / f"{code}.toml").write_text(text, "utf-8")
    countries = "".join(f'[[country]]\ncode = "{code}"\npolicy = "{code}.toml"\n' for code in codes)
    offices = "".join(
        f'[[organisation]]\nid = "{code}-agency01"\ncountry = "{code}"\nrole = "NATIONAL_AGENCY"\nlabel = "Fictional"\n'
        for code in codes
    )
    return countries + offices


def test_a_federation_of_sixty_countries_is_made_and_read(tmp_path: Path) -> None:
    """Three of four anchors sign; every reader has every member, and metadata is far from its bounds."""
    description = parse_description(described(tmp_path, SIXTY), tmp_path)
    assert description.threshold == 45
    paths = create_development_federation(tmp_path / "made", description, Passphrases.same("fictional"), NOW_MS)
    files = list_files(paths.repository)
    assert max(len(content) for path, content in files if is_metadata(path)) < MAX_METADATA_BYTES / 4
    store = TrustStore.create(tmp_path / "reader", paths.root.read_bytes())
    store.refresh_from(files, NOW_MS)
    directory = store.history.latest
    assert (directory.countries(), len(directory.organisations), store.problems) == (SIXTY, 240, ())
    text = policy_text(directory, CountryCode("aa"))
    assert Policy.parse(text.encode()).quorum == b"abroad"
    assert text.count("\nwitness ") == 2 * 59


def test_more_countries_than_readers_take_are_not_described(tmp_path: Path) -> None:
    """The ceremony stops before anybody signs."""
    codes = tuple("".join(pair) for pair in islice(product(ascii_lowercase, repeat=2), MAX_COUNTRIES + 1))
    with pytest.raises(MalformedError):
        parse_description(described(tmp_path, codes), tmp_path)


def test_a_checkpoint_that_fifty_nine_witnesses_cosigned_can_be_read() -> None:
    """A note holds 64 signatures: whole countries stay as long as they fit, which is more than any quorum."""
    directory = federation(SIXTY).with_audit_keys(quorum=16).directory
    country = SIXTY[0]
    policy = log_policy(directory, CountryCode(country))
    checkpoint = Checkpoint(policy.logs[0].key.name, 1, bytes(32))
    shard = checkpoint.origin.rpartition("/")[0], checkpoint.origin
    assert shard[0] == log_name_of(country)
    note = sign_checkpoint(checkpoint, log_secret(auditor(country)).log_key(checkpoint.origin))
    signers = [key for other in SIXTY[1:] for key in log_secret(auditor(other)).witness_keys(log_name_of(other))]
    whole = note.with_signatures(cosign(checkpoint, key, NOW_MS // 1000) for key in signers)
    assert len(whole.signatures) == 119
    kept = readable(whole, policy)
    assert len(kept.signatures) == MOST_SIGNATURES - 1
    assert policy.check(Note.parse(kept.encode())).checkpoint == checkpoint
    assert readable(note, policy) == note
