"""The story: what happens to referrals, told as it happens, on real processes. Everybody in it is fictional."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from demo.gauges import wait_for
from demo.office import Office
from demo.plan import ANSWERED, PlannedCase, consent_form
from refbus.core.ids import OrgId

Tell = Callable[[str], None]
UNFORESEEN = {
    "uz-20-mother-and-baby": "a mother, and her baby beside her: a case and a consent for each",
    "kg-32-child-of-unknown-age": "nobody knows the birth date; it says 12 or 13: a child, and a guardian consents",
    "kz-33-deaf-tailor": "a deaf adult: sign language, video and text, somebody to travel with",
    "kz-34-without-papers": "no papers: a report of loss, and the parents' names for the consulate",
}
"""What few forms foresee, as the demonstration tells it."""
ACCEPT = ("--responsible-worker-role", "SOCIAL_WORKER")


@dataclass(slots=True)
class Told:
    """What the story has done so far: the number of each sent referral at its sender, and refusals in the offices."""

    sent: dict[str, int] = field(default_factory=dict)
    refused_here: list[str] = field(default_factory=list)


class Story:
    """Tells the acts. `offices` has every organisation by id."""

    def __init__(self, offices: dict[OrgId, Office], cases: list[PlannedCase], tell: Tell) -> None:
        self._offices = offices
        self._cases = {case.name: case for case in cases}
        self._tell = tell
        self.told = Told()

    @property
    def expected(self) -> int:
        """How many referrals must have been answered at the end."""
        return sum(case.expect == ANSWERED for case in self._cases.values())

    def first_referral(self) -> None:
        """One case from beginning to end, with the commands that the people type."""
        case = self._cases["kz-01-construction-samarkand"]
        agency, shelter = self._offices[case.sender], self._offices[case.recipient]
        self._tell("")
        self._tell("A referral crosses a border")
        self._tell(
            "  A man was found in forced labour on a building site in Kazakhstan. He wants to go home to Uzbekistan."
        )
        self._show(agency, "orgs", "find", "--country", "uz", "--service", "SocialCare")
        path = agency.file(f"{case.name}.json", case.content)
        consent = agency.file(f"{case.name}-consent.json", consent_form(case))
        self._tell(
            "  The case-worker explains, asks, and writes down what he agrees to: this shelter, for this purpose."
        )
        self._show(agency, "consent", "grant", path, "--file", consent)
        number = int(agency.do("send", path, "--to", case.recipient)["referral"])
        self.told.sent[case.name] = number
        self._tell(f"  {agency.org} $ refbus send {case.name}.json --to {case.recipient}")
        self._tell("    consent checked, sealed for the shelter alone, signed, stored, handed to the national gate")
        arrived = self._arrival(shelter, agency.org)
        self._show(shelter, "inbox", "list")
        self._tell("  The shelter opens it; consent is checked a fourth time before anything is shown.")
        self._show(shelter, "inbox", "show", str(arrived), most=9)
        shelter.do("inbox", "accept", str(arrived), *ACCEPT)
        self._tell(f"  {shelter.org} $ refbus inbox accept {arrived} {' '.join(ACCEPT)}")
        self._until_state(agency, number, "ACCEPTED")
        self._tell("  The answer took the same road back:")
        self._show(agency, "status", str(number))
        self._show(agency, "receipts", str(number))

    def all_referrals(self) -> None:
        """Every other case that must be answered: sent by its agency, opened and accepted where it arrives."""
        rest = [case for case in self._cases.values() if case.expect == ANSWERED and case.name not in self.told.sent]
        self._tell("")
        self._tell(
            f"{len(rest)} more referrals between four countries: adults and children, in eight languages and scripts"
        )
        for case in rest:
            self._link(case)
        for case in rest:
            self._send(case)
            if case.name in UNFORESEEN:
                self._tell(f"  {case.name}: {UNFORESEEN[case.name]}")
        for org in sorted({case.recipient for case in rest}):
            self._accept_all(self._offices[org], sum(case.recipient == org for case in rest))
        for org in sorted({case.sender for case in rest}):
            self._offices[org].until(("status",), _all_accepted)
        self._tell("  all of them delivered, opened, accepted, and every answer is back")

    def refusals_at_the_desk(self) -> None:
        """Let the sender's own gateway refuse before a byte leaves, each time with its code."""
        self._tell("")
        self._tell("Refused at the desk, before a byte leaves")
        self._no_consent(self._cases["kz-10-waiter-no-consent"])
        self._other_recipient(self._cases["kg-16-forced-marriage"])
        self._plain_refusal(
            self._cases["kz-09-cook-health-withheld"], "he permits the shelter everything but his health data"
        )
        self._plain_refusal(self._cases["uz-19-photo-abroad"], "she agrees, but a photograph may not leave Uzbekistan")
        self._over(self._cases["tm-27-expired-consent"])

    def withdrawal(self) -> None:
        """Sent, then withdrawn: the recipient is told and answers, and nothing can be sent any more."""
        case = self._cases["uz-23-withdrawn"]
        agency, shelter = self._offices[case.sender], self._offices[case.recipient]
        self._tell("")
        self._tell("Consent withdrawn, everywhere")
        number = self._send(case)
        self._until_state(agency, number, "DELIVERED")
        agency.do("consent", "withdraw", self._case_file(case))
        self._tell("  A week later she changes her mind. One command; every recipient is told until it answers:")
        self._tell(f"  {agency.org} $ refbus consent withdraw {case.name}.json")
        arrived = shelter.until(
            ("inbox", "list"), lambda value: any(each["withdrawal_to_answer"] for each in value["referrals"])
        )
        stopped = next(each for each in arrived["referrals"] if each["withdrawal_to_answer"])
        shelter.do("inbox", "acknowledge", str(stopped["referral"]), "ERASED")
        self._tell(f"  {shelter.org} $ refbus inbox acknowledge {stopped['referral']} ERASED")
        agency.until(("status",), lambda value: value["home"]["withdrawals_unanswered_ms"] is None)
        self._tell("    the key of the case is destroyed there, and the agency has the signed acknowledgement")
        self._refused(
            agency, "send", self._case_file(case), "--to", case.recipient, "--again", because="sent after all"
        )

    def _link(self, case: PlannedCase) -> None:
        """Link a child with its mother; each keeps a case and a consent of its own."""
        mother = self._cases.get(case.child_of)
        if mother is None:
            return
        office = self._offices[case.sender]
        numbers = [str(office.do("case", "add", self._case_file(each))["case"]) for each in (mother, case)]
        office.do("case", "link", *numbers, "--relation", "CHILD")
        self._tell(f"  {office.org} $ refbus case link {numbers[0]} {numbers[1]} --relation CHILD")

    def _send(self, case: PlannedCase) -> int:
        office = self._offices[case.sender]
        consent = office.file(f"{case.name}-consent.json", consent_form(case))
        office.do("consent", "grant", self._case_file(case), "--file", consent)
        number = int(office.do("send", self._case_file(case), "--to", case.recipient)["referral"])
        self.told.sent[case.name] = number
        return number

    def _accept_all(self, office: Office, expected: int) -> None:
        """Wait until `expected` referrals wait for an answer, then open and accept each."""
        came = office.until(("inbox", "list"), lambda value: len(_waiting(value)) >= expected)
        for number in _waiting(came):
            office.do("inbox", "show", number)
            office.do("inbox", "accept", number, *ACCEPT)

    def _no_consent(self, case: PlannedCase) -> None:
        office = self._offices[case.sender]
        self._refused(office, "send", self._case_file(case), "--to", case.recipient, because="nobody asked him")

    def _other_recipient(self, case: PlannedCase) -> None:
        office = self._offices[case.sender]
        other = next(org for org in self._offices if org[:2] == case.recipient[:2] and org != case.recipient)
        consent = office.file(f"{case.name}-consent.json", consent_form(case, other))
        office.do("consent", "grant", self._case_file(case), "--file", consent)
        because = "she agreed to another organisation in that country"
        self._refused(office, "send", self._case_file(case), "--to", case.recipient, because=because)

    def _over(self, case: PlannedCase) -> None:
        """Bring a form whose time has passed: it is not signed in the first place."""
        office = self._offices[case.sender]
        consent = office.file(f"{case.name}-consent.json", consent_form(case, expired=True))
        because = "the consent was for one conversation, which is over"
        self._refused(office, "consent", "grant", self._case_file(case), "--file", consent, because=because)

    def _plain_refusal(self, case: PlannedCase, because: str) -> None:
        office = self._offices[case.sender]
        consent = office.file(f"{case.name}-consent.json", consent_form(case))
        office.do("consent", "grant", self._case_file(case), "--file", consent)
        self._refused(office, "send", self._case_file(case), "--to", case.recipient, because=because)

    def _refused(self, office: Office, *words: str, because: str) -> None:
        answer = office.ask(*words)
        if not answer.status:
            raise AssertionError(f"{office.org}: {words[0]} should have been refused: {because}")
        self.told.refused_here.append(answer.code)
        self._tell(f"  {answer.code:22} {because}")

    def _case_file(self, case: PlannedCase) -> str:
        return self._offices[case.sender].file(f"{case.name}.json", case.content)

    def _arrival(self, office: Office, sender: OrgId) -> int:
        value = office.until(("inbox", "list"), lambda found: any(_came(each, sender) for each in found["referrals"]))
        return int(next(each["referral"] for each in value["referrals"] if _came(each, sender)))

    def _until_state(self, office: Office, number: int, state: str) -> None:
        def holds() -> bool:
            return bool(office.do("status", str(number))["referrals"][0]["state"] == state)

        wait_for(f"{office.org}: referral {number} {state}", holds, 60.0)

    def _show(self, office: Office, *words: str, most: int = 6) -> None:
        shown = [word.rsplit("/", maxsplit=1)[-1] for word in words]
        self._tell(f"  {office.org} $ refbus {' '.join(shown)}")
        lines = office.say(*words)
        for line in lines[:most]:
            self._tell(f"    {line}")
        if len(lines) > most:
            self._tell(f"    … {len(lines) - most} more lines")


def _waiting(value: dict[str, list[dict[str, object]]]) -> list[str]:
    return [str(each["referral"]) for each in value["referrals"] if each["state"] == "DELIVERED"]


def _all_accepted(value: dict[str, list[dict[str, object]]]) -> bool:
    return all(each["state"] == "ACCEPTED" for each in value["referrals"])


def _came(referral: dict[str, object], sender: OrgId) -> bool:
    return referral["organisation"] == sender and referral["state"] == "DELIVERED"
