"""The steps by which a new country joins, with its own names in every command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from refbus.core.ids import OrgId
from refbus_ops.countryfile import CountryFile

_TEXT = """# {label} ({cc}) joins

F is the folder of the federation at the ceremony, KIT this folder, P a file with the passphrase. N anchors must sign.

## At the ceremony: look at `show`, then sign
```
refbus-ops directory --federation F add-anchor KIT/requests/{cc}-anchor.json --threshold N
refbus-ops directory --federation F {add}
{enrolments}
refbus-ops directory --federation F show
refbus-ops directory --federation F sign {keys} --passphrase-file P
refbus-ops directory --federation F publish --passphrase-file P
refbus-ops directory --federation F export STICK
refbus-ops directory --federation F send
```

## At the new node, with its settings (docs/operators/operate.md)
```
{pins}
refbus-ops --country {cc} --gate-home KIT/gate topics apply
refbus-ops --country {cc} directory --federation F send
python -m refbus_gate
python -m refbus_auditor
```

## At every other node: nothing is started again
```
refbus-ops topics apply
refbus-ops country reach {cc} HOST:PORT --tls FOLDER --home GATE
refbus-ops country reach {cc} HOST:PORT --tls FOLDER --home AUDITOR
```

## Certificates for the brokers of {cc}, by common name
{cc}-operator, {names}, the id of each gateway; and of every other country its gate and its auditor.
"""


def steps(new: CountryFile, offices: Mapping[str, OrgId]) -> str:
    """Return what is to be done after the kit was made: text with the commands in order."""
    cc = new.country
    add = f"add-country {cc} --policy KIT/policy.json --delegation KIT/requests/{cc}-delegation.json"
    keys = f"KIT/anchors/{cc}.key KIT/delegations/{cc}.key"
    return _TEXT.format(
        cc=cc,
        label=new.label,
        add=add,
        keys=keys,
        enrolments="\n".join(line for office in offices for line in _enrolment(office)),
        pins="\n".join(f"refbus-ops country pin F/root.json --home KIT/{name} --directory STICK" for name in offices),
        names=", ".join(sorted(offices.values())),
    )


def _enrolment(office: str) -> Iterator[str]:
    request = f"KIT/requests/{office}.json"
    yield f"refbus-ops directory --federation F challenge {request} --out {office}-c.json --pending {office}-p.json"
    yield f"refbus-ops country answer {office}-c.json --home KIT/{office} --passphrase-file P --out {office}-a.json"
    yield f"refbus-ops directory --federation F enrol {request} --pending {office}-p.json --answer {office}-a.json"
