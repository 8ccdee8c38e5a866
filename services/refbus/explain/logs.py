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
        Code.LOG_FORKED: Explanation(
            "one log has signed two histories: two trees of one size with different roots",
            "Stop relying on that log. Keep both checkpoints, which convict it, and tell the other countries.",
        ),
        Code.LOG_OTHER_SIZE: Explanation(
            "the witness knows another size of the log than the one that the proof begins at",
            "Nothing to do: the log asks again from the size that the witness has.",
        ),
        Code.LOG_ROLLED_BACK: Explanation(
            "others have cosigned or read more of this log than its own store knows: an old copy was brought back",
            "Do not let this auditor sign. Bring back the newest store; docs/operators/operate.md says more.",
        ),
        Code.LOG_STORE_DAMAGED: Explanation(
            "the entries in the auditor's store do not lead to the root that it has signed: the store is damaged",
            "Nothing was signed or overwritten. Bring back the newest copy of the store: docs/operators/operate.md.",
        ),
        Code.QUORUM_MISSING: Explanation(
            "too few witnesses that the policy names have cosigned the checkpoint",
            "Ask for a newer proof; if it lasts, ask the auditor of the country why the witnesses do not sign.",
        ),
        Code.LOG_NOT_PUBLISHED: Explanation(
            "the log has not published so far yet, or these files are an older copy of it",
            "Wait a minute, fetch a copy anew and look again. If it stays so for more than an hour, ask the auditor of "
            "the country.",
        ),
        Code.LOG_INCOMPLETE: Explanation(
            "a file that a log of this size has is missing",
            "Fetch it again from the auditor of the country or from another copy.",
        ),
        Code.LOG_DAMAGED: Explanation(
            "a file of the log has another size or form than it must have",
            "Keep it, fetch it again, and compare. If it stays so, report it to the auditor of the country.",
        ),
        Code.LOG_INCONSISTENT: Explanation(
            "the log contradicts itself, or what it signed before: an entry was edited, moved or taken away",
            "Keep the files and every checkpoint: they are the evidence. Tell the auditors of other countries.",
        ),
        Code.LOG_ENTRY_UNKNOWN: Explanation(
            "an entry of the log is neither a decision nor a version of the directory",
            "Ask the auditor of the country what it is; nothing else belongs into this log.",
        ),
        Code.LOG_ENTRY_TWICE: Explanation(
            "one decision stands twice in the log",
            "Report it to the auditor of the country: a repeated record must not add a second entry.",
        ),
        Code.LOG_UNEXPECTED: Explanation(
            "a file or checkpoint that does not belong to this log, or not yet",
            "On a log that grows check again a little later; if it stays, ask the auditor of the country.",
        ),
        Code.LOG_UNREACHABLE: Explanation(
            "the files of the log could not be fetched",
            "Check the address and the line and try again, or check a copy in a folder.",
        ),
        Code.KEY_NOT_OURS: Explanation(
            "the directory lists a key under this organisation's name that was never in this home",
            "Restored a backup? Make new keys: refbus keys rotate. If not, someone can act in your name: have the "
            "ceremony revoke that key now.",
        ),
    }
)
