"""The page on which something is put right, by code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from refbus.errors import Code

WHERE: Final[Mapping[Code, str]] = {
    **dict.fromkeys(
        (Code.RESTORE_UNCONFIRMED, Code.CONSENT_UNCONFIRMED_AFTER_RESTORE, Code.RESTORED_UNKNOWN), "/office/restored"
    ),
    **dict.fromkeys((Code.CLOCK_JUMPED, Code.CLOCK_SKEW, Code.TLS_CERTIFICATE_ENDING), "/office/line"),
    Code.KEY_NOT_OURS: "/office/keys",
    Code.OFFICER_NOT_ENDORSED: "/office/officers",
    Code.ERASE_DUE: "/today",
    Code.CONSENT_ENDING: "/today",
}
