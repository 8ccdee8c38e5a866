"""What a new country begins with, in one folder: keys, homes of its node, requests to the ceremony, what comes next.

policy.json                         the national policy, as the directory will list it
anchors/<cc>.key delegations/<cc>.key   keys of the ceremony; the public halves are in requests/
gate/ auditor/ inspector/           homes with first keys; `root.json` comes from the federation
requests/                           public: what goes to the ceremony
steps.md                            the commands, in order, with the names of this country
"""

from __future__ import annotations

from pathlib import Path

from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode, OrgId, gate_id
from refbus.crypto.kem import KemPrivate
from refbus.crypto.signing import SigningPair
from refbus.errors import Code, SetupError
from refbus.files import alone_in, make_folder, read_limited, store_errors, write_whole
from refbus.tlog.custody import LogSecret
from refbus.tlog.keys import VerifierKey
from refbus.tlog.shards import shards_from
from refbus.trust.homes import Home, Identity
from refbus.trust.member.audit_keys import SHARDS_LISTED, keys_of
from refbus.trust.member.enrolment import Profile, answer_challenge, make_request, new_org_id
from refbus.trust.publisher.custody import create_key, export_public
from refbus_ops.countryfile import CountryFile

OFFICES = {"gate": OrgRole.GATE, "auditor": OrgRole.AUDITOR, "inspector": OrgRole.INSPECTOR}
CUSTODY = ("anchor", "delegation")
REQUEST = "enrolment-request.json"


def make_office(folder: Path, name: str, new: CountryFile, passphrase: str, now_ms: int) -> OrgId:
    """Make the home of a country's gate, auditor or inspector with its first keys; return its id.

    The request to the ceremony is in the home; an auditor's has the keys of its log too. Raises StoreError.
    """
    role, country = OFFICES[name], new.country
    org_id = gate_id(country) if role is OrgRole.GATE else new_org_id(country)
    home = Home.create(folder, Identity(org_id, country, role), None)
    pair, kem = SigningPair.generate(), KemPrivate.generate()
    home.save_signing(pair, passphrase)
    home.save_kem(kem, passphrase)
    audit = list[VerifierKey]()
    if role is OrgRole.AUDITOR:
        secret = LogSecret.generate()
        home.save_log_secret(secret, passphrase)
        audit = keys_of(secret, new.log, shards_from(now_ms, SHARDS_LISTED))
    profile = Profile(org_id, country, role, f"{role.capitalize()}, {new.label}", (), new.languages)
    write_whole(folder / REQUEST, make_request(profile, pair, kem, now_ms, audit=audit))
    return org_id


def answer_office(folder: Path, challenge: bytes, passphrase: str) -> bytes:
    """Return the answer of an office to the ceremony. Raises MalformedError, UntrustedError OPEN_FAILED, SetupError."""
    kems = list(Home(folder).kem_keys(passphrase).values())
    if len(kems) != 1:
        raise SetupError(Code.USAGE, "an enrolment is answered before any rotation")
    return answer_challenge(challenge, read_limited(folder / REQUEST, 65_536), kems[0])


def make_kit(folder: Path, new: CountryFile, parts: tuple[str, ...], passphrase: str, now_ms: int) -> dict[str, OrgId]:
    """Make the `parts` of a kit (CUSTODY and OFFICES); return the ids of its offices by name.

    Where one of them is there already nothing is made: SetupError USAGE.
    """
    with alone_in(folder):
        taken = [part for part in parts if _place(folder, part, new.country).exists()]
        if taken:
            raise SetupError(Code.USAGE, f"this folder has already: {', '.join(taken)}")
        with store_errors():
            make_folder(folder / "requests")
        write_whole(folder / "policy.json", new.policy)
        offices = dict[str, OrgId]()
        for part in parts:
            if part in CUSTODY:
                signer = create_key(_place(folder, part, new.country), passphrase)
                write_whole(folder / "requests" / f"{new.country}-{part}.json", export_public(signer))
                continue
            home = _place(folder, part, new.country)
            offices[part] = make_office(home, part, new, passphrase, now_ms)
            write_whole(folder / "requests" / f"{part}.json", (home / REQUEST).read_bytes())
        return offices


def _place(folder: Path, part: str, country: CountryCode) -> Path:
    return folder / f"{part}s" / f"{country}.key" if part in CUSTODY else folder / part
