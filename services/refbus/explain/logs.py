"""What the codes of the audit log mean."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from refbus.errors import Code, Explanation

LOG: Mapping[Code, Explanation] = MappingProxyType(
    {
        Code.PROOF_INVALID: Explanation(
            "the proof does not lead to the root of the log: the entry, its place or the tree is another one",
            "Do not rely on it. Keep the file and the checkpoint: together they may show that a log was changed.",
        ),
        Code.QUORUM_MISSING: Explanation(
            "too few witnesses that the policy names have cosigned the checkpoint",
            "Ask for a newer proof; if it lasts, ask the auditor of the country why the witnesses do not sign.",
        ),
    }
)
