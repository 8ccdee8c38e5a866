"""Where the anchors' enrolments lie in a publication: each in a file of its own, or many in a bin, never both."""

from __future__ import annotations

from collections import defaultdict

from tuf.api.metadata import Targets

from refbus.core.ids import OrgId
from refbus.errors import Code, SetupError
from refbus.trust.layout import ENROLMENT
from refbus.trust.member.enrolment_bin import bin_of, encode_bin, is_bin, parse_bin
from refbus.trust.member.enrolment_file import Enrolment
from refbus.trust.publisher.repository import Publication

_OWN = f"{ENROLMENT}/"


def enrolment_in(publication: Publication, org_id: OrgId) -> bytes | None:
    """Return an organisation's enrolment as it will be, or None. Raises MalformedError, SetupError."""
    own = publication.content(Targets.type, _own(org_id))
    return _bin(publication, bin_of(org_id)).get(org_id) if own is None else own


def put_enrolment(publication: Publication, enrolment: Enrolment) -> None:
    """Put an enrolment where this directory has them. Raises MalformedError, SetupError."""
    org_id, names = enrolment.org_id, publication.names(Targets.type)
    if any(map(is_bin, names)):
        if _own(org_id) in names:  # of two that differ, readers believe neither
            publication.remove(Targets.type, _own(org_id))
        _put_bin(publication, bin_of(org_id), {org_id: enrolment.encode()})
    else:
        publication.put(Targets.type, _own(org_id), enrolment.encode())


def use_bins(publication: Publication) -> None:
    """Move every enrolment from a file of its own into its bin. What is signed of each stays the same, byte for byte.

    Readers from before bins find nobody enrolled then, so all are updated first. Raises SetupError USAGE when none has
    a file of its own.
    """
    own = sorted(path for path in publication.names(Targets.type) if path.startswith(_OWN))
    if not own:
        raise SetupError(Code.USAGE, "the enrolments lie in bins already")
    moved = defaultdict[str, dict[OrgId, bytes]](dict)
    for path in own:
        content = publication.content(Targets.type, path)
        org_id = OrgId(path.removeprefix(_OWN).removesuffix(".json"))
        if content is not None:
            moved[bin_of(org_id)][org_id] = content
        publication.remove(Targets.type, path)
    for path, enrolments in moved.items():
        _put_bin(publication, path, enrolments)


def _own(org_id: OrgId) -> str:
    return f"{_OWN}{org_id}.json"


def _bin(publication: Publication, path: str) -> dict[OrgId, bytes]:
    content = publication.content(Targets.type, path)
    return {} if content is None else parse_bin(path, content)


def _put_bin(publication: Publication, path: str, enrolments: dict[OrgId, bytes]) -> None:
    publication.put(Targets.type, path, encode_bin({**_bin(publication, path), **enrolments}))
