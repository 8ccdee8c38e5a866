"""What the codes about bytes, envelopes, keys and the directory mean, and what to do next."""

from __future__ import annotations

from refbus.errors import Code, Explanation

BYTES = {
    Code.MALFORMED: Explanation(
        "the data does not have the form that it should have",
        "Ask the sender to send it again. If it comes again, give this code to the node operator.",
    ),
    Code.NOT_CANONICAL: Explanation(
        "the data says the same thing in a second way, which is not allowed because it can hide a change",
        "Ask the sender to update their software and send again.",
    ),
    Code.TOO_LARGE: Explanation(
        "this is larger than one message may be",
        "Remove or shorten attachments and notes, then send again. The limit is in docs/design/limits.md.",
    ),
    Code.UNKNOWN_VALUE: Explanation(
        "a value is not in the list of values that this version knows",
        "Choose a value from the list. If a partner sent it, update this software or ask which list version they use.",
    ),
    Code.UNKNOWN_SCHEMA: Explanation(
        "the message has a form that this version does not know",
        "Update this software. The message is kept until then, is taken in by itself, and its sender is told that it "
        "waits.",
    ),
}

ENVELOPE = {
    Code.UNSUPPORTED_VERSION: Explanation(
        "the message was made by a newer or unknown version",
        "Update this software. Ask the sender which version they use.",
    ),
    Code.UNSUPPORTED_SUITE: Explanation(
        "the message uses an encryption method that is not allowed here",
        "Ask the sender to update their software. Do not lower the setting here: there is none, on purpose.",
    ),
    Code.MESSAGE_EXPIRED: Explanation(
        "the message is older than it is allowed to be",
        "Send the event again; the gateway seals it anew after checking consent again.",
    ),
    Code.MESSAGE_LIFE_TOO_LONG: Explanation(
        "the message asks to stay valid for longer than the country allows",
        "Check the clock of the sending computer and send again.",
    ),
    Code.OPEN_FAILED: Explanation(
        "the message cannot be opened with the keys that are here, or it was changed on the way",
        "From whom it is cannot be known, so nobody is told. Give the number of the record to the person who runs the "
        "node; if it repeats, check `refbus keys show`.",
    ),
    Code.SIGNATURE_INVALID: Explanation(
        "the signature does not fit: it was changed on the way or was not made by the named sender",
        "Do not act on it. Report it to the person who runs the national node.",
    ),
    Code.NOT_THE_RECIPIENT: Explanation(
        "the message is meant for another organisation",
        "Nothing was opened. Report it to the person who runs the national node.",
    ),
    Code.REPLAY: Explanation(
        "this message was already received; a copy has no effect",
        "Nothing to do. If copies keep coming, tell the person who runs the national node.",
    ),
    Code.EVENT_ID_REUSED: Explanation(
        "two different messages carry the same event number, which never happens by accident",
        "Do not act on the second one. Report it to the person who runs the national node.",
    ),
    Code.DECLARATION_MISMATCH: Explanation(
        "what is in the message is not what was declared on the outside for the consent check",
        "Do not act on it. The alarm says whether the sender is told; the sender must update their software.",
    ),
    Code.UNDECRYPTABLE: Explanation(
        "the recipient could not open the message",
        "The gateway seals it again to the recipient's present key after checking consent. Look at `refbus status`.",
    ),
}

DIRECTORY = {
    Code.DIRECTORY_INVALID: Explanation(
        "the list of organisations and keys is damaged or not signed as it must be",
        "The last good list stays in use. Fetch it again; if it fails again, tell the node operator.",
    ),
    Code.DIRECTORY_INCOMPLETE: Explanation(
        "a new list of organisations and keys has begun to arrive and parts of it are missing",
        "The last good list stays in use. The rest comes by itself with the next publication, at the latest in a day.",
    ),
    Code.DIRECTORY_EXPIRED: Explanation(
        "the list of organisations and keys is out of date",
        "Connect so that a new list arrives, or load one from a file.",
    ),
    Code.DIRECTORY_NEWER: Explanation(
        "the message refers to a newer list of organisations than the one here",
        "It waits. It goes on by itself as soon as the new list has arrived.",
    ),
    Code.DIRECTORY_TOO_OLD: Explanation(
        "the message was made with a list of organisations that is too old to rely on",
        "Connect so that a new list arrives, then send again.",
    ),
    Code.DIRECTORY_UNLOGGED: Explanation(
        "the audit log of this country has not shown this list of organisations and keys, so it may be for us alone",
        "The list before stays in use until it expires. Ask the node whether auditor and witnesses work "
        "(docs/operators/operate.md); nothing is to be done here.",
    ),
    Code.DIRECTORY_FORKED: Explanation(
        "there are two different lists of organisations and keys under one version number: somebody was shown another",
        "Both are kept in the folder evidence of this home. Send both to the inspector and the national anchor, and "
        "load no list from a file until they have answered.",
    ),
    Code.DIRECTORY_BEHIND: Explanation(
        "the directory here is older than what was published: it came from a backup, or is empty",
        "Take what members have seen: `refbus-ops directory --federation DIR restore --seen GATE-HOME/directory`.",
    ),
    Code.PROFILE_INVALID: Explanation(
        "what an organisation says of itself was not signed by it, or breaks a rule; it is not shown",
        "Nothing is lost: what it said before stays. If it lasts, ask the organisation to save its profile again.",
    ),
    Code.PROFILE_REFUSED: Explanation(
        "the profile cannot be signed as it is: others would read something that must not stand there",
        "Read what is named at each field, correct it, and save it again. Nothing was sent.",
    ),
    Code.ORGANISATION_UNKNOWN: Explanation(
        "this organisation is not in the list of members",
        "Find the right one with `refbus orgs find`.",
    ),
    Code.ORGANISATION_SUSPENDED: Explanation(
        "this organisation may not send or receive at present",
        "Choose another organisation with `refbus orgs find`; consent must name it.",
    ),
    Code.WRONG_COUNTRY: Explanation(
        "the message came by way of a country to which its sender does not belong",
        "Do not act on it. Report it to the person who runs the national node.",
    ),
}

KEYS = {
    Code.KEY_UNKNOWN: Explanation(
        "the key that was used is not in the list of members",
        "Fetch the newest list. If it stays unknown, ask the organisation whether it changed its key.",
    ),
    Code.KEY_REVOKED: Explanation(
        "the key that was used has been withdrawn",
        "Do not act on it. The organisation must use its new key.",
    ),
    Code.KEY_EXPIRED: Explanation(
        "the key that was used is past its end, or not yet begun",
        "Check the clock of this computer, then make and publish a new key.",
    ),
    Code.KEY_INVALID: Explanation(
        "a published key is unsafe or damaged",
        "Do not use it. The organisation must publish a new key.",
    ),
    Code.KEY_NOT_ENDORSED: Explanation(
        "a published key was not signed by its own organisation",
        "Do not use it. Report it: someone may be trying to read the cases of that organisation.",
    ),
    Code.KEYFILE_WRONG_PASSPHRASE: Explanation(
        "the passphrase does not open the key file",
        "Try again. Nobody can recover a lost passphrase: use the backup, or enrol new keys.",
    ),
    Code.KEYFILE_DAMAGED: Explanation(
        "the key file is damaged or is not a key file",
        "Restore it from the backup.",
    ),
    Code.KEYFILE_UNSAFE: Explanation(
        "other users of this computer can read or replace a secret file",
        "Make it yours alone (chmod 600, and 700 for its folder), then change the secret if others use this computer.",
    ),
    Code.KEY_DESTROYED: Explanation(
        "the key was destroyed: the case was erased here, or the key's time was over; nobody can open this any more",
        "What was erased stays erased. If only the time was over, ask the sender to send the event again.",
    ),
}
