"""What an office is, who works there, and what it owes about its keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from refbus.core.directory import OrgRole
from refbus.trust.member.rotation import Task
from refbus_gateway.words.catalogue import mark

ROLES: Final[Mapping[str, str]] = {
    "CASE_WORKER": mark("Case-worker"),
    "SUPERVISOR": mark("Supervisor"),
    "FOCAL_POINT": mark("Focal point"),
    "ADMINISTRATOR": mark("Administrator"),
}
"""What people are in an office, by role."""
MAY: Final[Mapping[str, str]] = {
    "CASE_WORKER": mark("Works on cases: refers, answers, takes consent."),
    "SUPERVISOR": mark("As a case-worker; also sees the log and makes accounts."),
    "FOCAL_POINT": mark("Reads cases and gives them to colleagues; sends nothing."),
    "ADMINISTRATOR": mark("May do everything; also people, keys and backup."),
}
"""What each role may do, in a sentence."""
ORGANISATION_ROLES: Final[Mapping[OrgRole, str]] = {
    OrgRole.NGO: mark("Organisation of civil society: a shelter, a legal clinic, a helpline"),
    OrgRole.NATIONAL_AGENCY: mark("Agency of the state"),
    OrgRole.EMBASSY: mark("Embassy or consulate"),
    OrgRole.POLICE: mark("Police"),
    OrgRole.PROSECUTOR: mark("Prosecutor's office"),
    OrgRole.HEALTH_SERVICE: mark("Health service: a hospital, a clinic"),
    OrgRole.INTERNATIONAL_ORGANISATION: mark("International organisation"),
}
"""What an organisation is, by its role in the federation, as far as it may say so itself."""
DUTIES: Final[Mapping[Task, str]] = {
    Task.PUBLISH_KEM: mark("New keys for receiving must be made, and the national node must publish them."),
    Task.PUBLISH_SIGNING: mark("A new key for signing must be made, and the national node must publish it."),
    Task.DESTROY_KEM: mark("An old key for receiving is no longer needed and must be destroyed."),
    Task.DESTROY_SIGNING: mark("An old key for signing is no longer needed and must be destroyed."),
}
"""What there is to do about keys."""
