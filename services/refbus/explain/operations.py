"""What the codes of the gateway and of the machine mean, and what to do next."""

from __future__ import annotations

from refbus.errors import Code, Explanation

GATEWAY = {
    Code.FACTS_CONTRADICT: Explanation(
        "two facts of the case cannot both be true",
        "Find out which is true and correct the other. Each line names the place and says what is wrong.",
    ),
    Code.FACTS_DOUBTFUL: Explanation(
        "a fact of the case is unusual, and is more often a slip of the hand",
        "Correct it, or write why it is so; the reason stays with you. Of what came in: ask the sender.",
    ),
    Code.CASE_INVALID: Explanation(
        "the case file has a mistake",
        "Correct the field that is named and try again. Nothing was sent.",
    ),
    Code.REPLY_BY_PAST: Explanation(
        "the time by which the case file wants an answer has passed, so the referral is not sent",
        "Write another reply_by into the case file, or take it out, and run `refbus case update`; then send again. "
        "All else works.",
    ),
    Code.LINK_INVALID: Explanation(
        "the two cases cannot be linked",
        "Link two own cases of different people that are not erased: refbus case list shows them.",
    ),
    Code.CASE_CHANGED: Explanation(
        "somebody changed the case since this file was taken from it",
        "Print the case of today with `refbus case file`, put your changes into it, and update with that file.",
    ),
    Code.NOT_PERMITTED: Explanation(
        "whoever asks for this may not do it in this organisation",
        "Ask somebody whose role allows it; the organisation's administrator gives roles.",
    ),
    Code.REENTRY_NEEDED: Explanation(
        "this cannot be taken back, so it needs the passphrase of whoever asks, typed for it",
        "Type your passphrase once more. Nothing was done.",
    ),
    Code.SECOND_NEEDED: Explanation(
        "this needs two people, and the second one has not agreed",
        "Ask a colleague to agree with their own name and passphrase. Nothing was done.",
    ),
    Code.PASSPHRASE_PROVISIONAL: Explanation(
        "this needs two people, and one of them still has a passphrase that somebody else set",
        "That person signs in and changes the passphrase. Nothing was done.",
    ),
    Code.SIGN_IN_SLOWED: Explanation(
        "too many wrong passphrases were tried under this name, so the next try must wait",
        "Wait as long as is said, then try again. If it was not you, tell your administrator.",
    ),
    Code.CODE_WRONG: Explanation(
        "this person signs in with a one-time code too, and there was none, or a wrong or used one",
        "Read the newest code from the telephone, or use a spare code. Each is good once.",
    ),
    Code.HOME_LOCKED: Explanation(
        "somebody locked this home, and only an administrator may sign in",
        "Ask an administrator to sign in: that unlocks it.",
    ),
    Code.AGENT_UNAVAILABLE: Explanation(
        "a home cannot stay unlocked here: this system lacks what keeps others from it, or the agent did not start",
        "Type the passphrase for each command, or use the desk. On Linux, look at the runtime folder that is named.",
    ),
    Code.CASE_UNKNOWN: Explanation(
        "there is no such case here",
        "List the cases with `refbus case list`.",
    ),
    Code.REFERRAL_UNKNOWN: Explanation(
        "there is no such referral here",
        "List what came in with `refbus inbox list` and what was sent with `refbus status`.",
    ),
    Code.CODE_PARKED: Explanation(
        "a code in the message is not in the list that is known here, so a person must decide what it means",
        "Look at it with `refbus inbox show`, ask the sender, and answer by hand.",
    ),
    Code.CONSENT_CHANGE_DIFFERS: Explanation(
        "the consent form changes something else than the command says, or nothing",
        "Read what it changes in the message. Correct the form, or use the command that fits; nothing was recorded.",
    ),
    Code.CONSENT_FORM_OLD: Explanation(
        "the consent form is older than the newest answer of the person",
        "An old form is never used a second time. Ask the person again and write down when they said it.",
    ),
    Code.ERASE_DUE: Explanation(
        "the day comes, or has passed, by which what was received must be erased",
        "Erase it with `refbus erase --referral`; or ask the person again, so that the sender can renew the consent.",
    ),
    Code.CONSENT_ENDING: Explanation(
        "a consent ends soon, or the person comes of age soon",
        "Talk with the person in time: `refbus consent renew`, or `refbus consent majority` once they are of age.",
    ),
    Code.NOT_SYNCHRONISED: Explanation(
        "this computer has not yet read everything that waits for it, and a withdrawal may be among it",
        "Connect and run `refbus sync`, then try again.",
    ),
    Code.INBOX_GAP: Explanation(
        "a record that should be in the inbox is missing",
        "Nothing that arrived was dropped. Tell the person who runs the national node at once.",
    ),
    Code.INBOX_COUNT_BACK: Explanation(
        "the national gate counts the records of the inbox from an old number, as after a restore from a backup",
        "Everything was taken in. Tell the person who runs the national node, so that they know of the restore.",
    ),
    Code.GATE_RESTORED: Explanation(
        "the national gate goes on from a copy of its store, older than what it has already written and read",
        "Nothing has to be sent again by hand. Tell the person who runs the national node: if they did not restore it, "
        "somebody put an old copy in its place.",
    ),
    Code.HOME_IN_USE: Explanation(
        "another refbus command is working with this home folder",
        "Wait until it has finished and try again; before a restore, stop `refbus run`.",
    ),
    Code.HOME_NOT_FOUND: Explanation(
        "there is no gateway in this folder",
        "Give the right folder with --home, or make one with `refbus keys init`.",
    ),
    Code.HOME_DAMAGED: Explanation(
        "a file or row of this home is damaged, empty, missing or of another home; what needs it waits",
        "Is its disk mounted? Then restore the last backup: `refbus restore`; at a node "
        "`python -m refbus_gate restore` or of refbus_auditor. Delete nothing.",
    ),
    Code.BACKUP_INVALID: Explanation(
        "the backup is damaged, incomplete or of another organisation",
        "Use another copy. What is here now was not changed.",
    ),
    Code.BACKUP_UNPROVEN: Explanation(
        "the backup, or its list of erased cases, is of an older version: nothing in it proves who wrote it",
        "If it never left your hands, give --unproven, and look at its commands and addresses. Cases named as erased: "
        "`refbus erase` those that you know were.",
    ),
    Code.BACKUP_OLDER: Explanation(
        "what is here can be opened and is newer than the copy, so the copy would only lose what came since",
        "Keep what is here if it works. To take the copy all the same, give --older; nothing was changed.",
    ),
    Code.RECOVERY_USED: Explanation(
        "this office was opened by its recovery sheets, and has one person now",
        "Give your colleagues new passphrases, make new recovery sheets, then clear this alarm.",
    ),
    Code.RECOVERY_NONE: Explanation(
        "no recovery sheets open this home or backup",
        "Use a backup that was made after the sheets, or the passphrase of somebody who opens it.",
    ),
    Code.RECOVERY_WORDS: Explanation(
        "the words of a recovery sheet are not what was printed",
        "Compare each word with the paper; the first four letters are enough. Nothing was changed.",
    ),
    Code.RECOVERY_TOO_FEW: Explanation(
        "there are too few recovery sheets",
        "Ask another keeper for a sheet. Each sheet says how many are needed. Nothing was changed.",
    ),
    Code.RECOVERY_MIXED: Explanation(
        "the recovery sheets do not belong together",
        "Use sheets with the same series number only. Nothing was changed.",
    ),
    Code.RECOVERY_FOREIGN: Explanation(
        "the recovery sheets are of another office, or newer ones took their place",
        "Use the newest sheets, or a backup of the time of these. Nothing was changed.",
    ),
    Code.RESTORE_UNCONFIRMED: Explanation(
        "this office goes on from a backup and does not know what was said since, above all what people refused",
        "Run `refbus sync`, then `refbus home confirm-restored`. Nothing is sent before but withdrawals and receipts.",
    ),
    Code.CONSENT_UNCONFIRMED_AFTER_RESTORE: Explanation(
        "the consents of this case are those of a backup, and the person may have said no since",
        "Ask whoever works with the person, then `refbus consent confirm` with the number of the case, and send again.",
    ),
    Code.RESTORED_UNKNOWN: Explanation(
        "others answer things that this office sent after the backup from which it goes on, and that it no longer has",
        "Call the organisations that are named: ask what you sent them in that time, and what people withdrew.",
    ),
    Code.PEER_RESTORED: Explanation(
        "an organisation goes on from a backup and may have forgotten what this office said to it since",
        "The nos and answers of that time are sent to it again by themselves. Call it about what must not wait.",
    ),
    Code.RESTORES_TOO_OFTEN: Explanation(
        "an organisation said more often in a day than is answered that it goes on from a backup",
        "Call it and ask. What it asks for last is sent again within a day; nothing of it is dropped.",
    ),
    Code.USAGE: Explanation(
        "the command was not given as it should be",
        "Add --help to the command to see how it is used.",
    ),
}

MACHINE = {
    Code.SETTINGS_INVALID: Explanation(
        "a setting is missing, misspelt or has a value that is not allowed",
        "Correct the setting that is named; all are listed in docs/reference/settings.md.",
    ),
    Code.UNSAFE_SETTING: Explanation(
        "the service does not start with a setting that could lose or leak data",
        "Correct the setting that is named. There is no switch that skips this check.",
    ),
    Code.BROKER_UNREACHABLE: Explanation(
        "the message broker does not answer",
        "Check the connection. What you typed is kept and goes out by itself later.",
    ),
    Code.BROKER_REFUSED: Explanation(
        "the message broker did not take the message",
        "It is kept and tried again. If it lasts, the node operator should check rights and size limits.",
    ),
    Code.TLS_REFUSED: Explanation(
        "the broker answers, but its certificate and that of this computer are not accepted: ended, unknown, withdrawn",
        "Look at the date of this computer and of the certificate; the node operator issues new ones.",
    ),
    Code.TLS_CERTIFICATE_ENDING: Explanation(
        "the certificate with which this computer reaches the broker ends soon",
        "Ask the person who runs the national node for a new one now; after that day nothing is sent or received.",
    ),
    Code.PING_FAILED: Explanation(
        "a mail or webhook that says to look into the inbox could not be sent",
        "Nothing of the case is lost and it is tried again. Look at REFBUS_GATE_PINGS and the mail server.",
    ),
    Code.TOPIC_MISSING: Explanation(
        "a topic that is needed does not exist on the broker",
        "The node operator runs `refbus-ops topics plan`, then `refbus-ops topics apply`.",
    ),
    Code.TOPIC_DRIFT: Explanation(
        "a topic on the broker is not as its declaration says",
        "The node operator looks at `refbus-ops topics plan`, then runs `refbus-ops topics apply`.",
    ),
    Code.STORE_FAILED: Explanation(
        "the local database could not be read or written",
        "Nothing was recorded, so try again. If it repeats, check the disk and restore the backup.",
    ),
    Code.STORE_BUSY: Explanation(
        "others wrote to the local database for too long",
        "Nothing was recorded, so try again. If it repeats, look for a command that hangs, or a disk that is slow.",
    ),
    Code.STORE_FULL: Explanation(
        "the disk is full",
        "Free some space and try again. Nothing was lost or half recorded.",
    ),
    Code.STORE_UNREACHABLE: Explanation(
        "the database server does not answer, or does not let this service in",
        "Look whether the server runs, and at user, password and certificate; the service goes on by itself.",
    ),
    Code.STORE_TAKEN_OVER: Explanation(
        "another process leads with this store now",
        "Nothing was recorded here, and the process ends: started again it stands by. Look why it was silent.",
    ),
    Code.STORE_NEWER: Explanation(
        "the local database was written by a newer version of this program",
        "Nothing was touched. Install the newer version, or use a store of this version.",
    ),
    Code.FILE_UNREADABLE: Explanation(
        "a file cannot be read or written",
        "Check that it exists and that you may use it.",
    ),
    Code.EVIDENCE_STAYS: Explanation(
        "an order to erase sealed records named what was decided in an emergency without consent, which stays",
        "Nothing of that order was erased. Update this software, which leaves such records out, and erase again.",
    ),
    Code.EVIDENCE_UNMARKED: Explanation(
        "a record about an emergency without consent was not marked as one that stays, so its writer could erase it",
        "It may be from an older version. Compare it with what both gates logged of that event, and keep the export.",
    ),
    Code.AUDIT_INVALID: Explanation(
        "an entry of the audit record does not hold: wrong signature, wrong writer or wrong contents",
        "Keep it as it is and report it to the inspector and to the node operator.",
    ),
}
