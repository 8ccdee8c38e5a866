"""The courses of months: people go home, or do not; time is moved by a file, on the same running services."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from demo.office import Office
from demo.plan import PlannedCase, consent_form
from demo.world import World
from refbus.core.ids import CountryCode, OrgId
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import Action, DataCategory, Purpose

PURPOSES = (
    Purpose.REPATRIATION,
    Purpose.IDENTITY_TRAVEL_DOCUMENT,
    Purpose.FAMILY_TRACING,
    Purpose.MONITORING,
)
CATEGORIES = sorted(set(DataCategory) - {DataCategory.PHOTO_BIOMETRIC})
GOES_HOME, IS_MISSING, CHANGES_HER_MIND, CHILD = (
    "kz-01-construction-samarkand",
    "kz-02-tobacco-family",
    "kz-03-shop-servitude",
    "kz-06-girl-online",
)


@dataclass(slots=True)
class Return:
    """One return: its case, and its number at both offices."""

    case: PlannedCase
    agency: Office
    home: Office
    here: str = ""
    there: str = ""

    def do(self, office: Office, step: str, *words: str) -> Any:
        """Let one office take a step."""
        return office.do("return", step, self.here if office is self.agency else self.there, *words)

    def until(self, office: Office, holds: Callable[[Any], bool]) -> Any:
        """Wait until an office sees what it must."""
        return office.until(("return", "show", self.here if office is self.agency else self.there), holds)


@dataclass(slots=True)
class Ended:
    """How the courses of months ended, for the report."""

    states: dict[str, str] = field(default_factory=dict)
    departures_refused: list[str] = field(default_factory=list)
    alarms: dict[str, int] = field(default_factory=dict)
    emergency: str = ""


class Homecomings:
    """Tells the acts after the referrals. `pass_time` moves the clock by days and publishes the directory anew."""

    def __init__(
        self, world: World, offices: dict[OrgId, Office], cases: list[PlannedCase], tell: Callable[[str], None]
    ) -> None:
        self._world = world
        self._tell = tell
        wanted = {case.name: case for case in cases if case.name in {GOES_HOME, IS_MISSING, CHANGES_HER_MIND, CHILD}}
        self._all = {name: Return(case, offices[case.sender], offices[case.recipient]) for name, case in wanted.items()}
        self.ended = Ended()

    def tell_all(self) -> Ended:
        """Tell every course to its end."""
        self._tell("")
        self._tell("Four people want to go home")
        self._world.allow_emergencies(CountryCode("kz"))
        for each in self._all.values():
            self._begin(each)
        self._arrivals()
        self._too_early()
        self._withdrawn()
        self._child()
        self._prepare(self._all[GOES_HOME])
        self._prepare(self._all[IS_MISSING])
        self._journeys()
        self._emergency()
        self._months()
        for name, each in self._all.items():
            self.ended.states[name] = each.agency.do("return", "show", each.here)["state"]
        return self.ended

    def _begin(self, each: Return) -> None:
        minor = each.case.minor
        consent = each.agency.file(f"{each.case.name}-return-consent.json", return_consent(each.case))
        path = each.agency.file(f"{each.case.name}.json", each.case.content)
        each.agency.do("consent", "grant", path, "--file", consent)
        wish = {
            "is_minor": minor,
            "seeks_protection": False,
            "decided_freely": True,
            "alternatives_explained": True,
            "risks_explained": True,
            "may_stop_explained": True,
            "wishes": "Fictional: to the home region, by bus, and nobody at the workplace is to know.",
        }
        file = each.agency.file(f"{each.case.name}-wish.json", wish)
        begun = each.agency.do("return", "begin", path, "--to", each.case.recipient, "--file", file)
        each.here = str(begun["return"])
        who = "a girl, with her guardian" if minor else "an adult"
        self._tell(f"  {each.case.name}: {who}; the wish and the consent to it are recorded")

    def _arrivals(self) -> None:
        """Find the number of each return at its receiving office, by the organisation and the order of arrival."""
        for home in {id(each.home): each.home for each in self._all.values()}.values():
            mine = [each for each in self._all.values() if each.home is home]

            def came(value: Any, count: int = len(mine)) -> bool:
                return len(_wishes(value)) == count

            value = home.until(("inbox", "list"), came)
            for each, number in zip(mine, sorted(_wishes(value)), strict=True):
                each.there = str(number)

    def _too_early(self) -> None:
        """Try a departure with nothing prepared: one refusal names everything."""
        each = self._all[GOES_HOME]
        each.do(each.agency, "plan", "--file", self._file(each, "plan", plan(self._world.now_ms())))
        answer = each.agency.ask("return", "authorise", each.here, *self._departure(each))
        if not answer.status:
            raise AssertionError("a departure that nobody prepared was authorised")
        missing = each.agency.do("return", "show", each.here)["guards"]
        self.ended.departures_refused = list(missing)
        self._tell("  A departure that is not prepared is refused, with everything that is missing:")
        for code in missing:
            self._tell(f"    {code}")

    def _withdrawn(self) -> None:
        each = self._all[CHANGES_HER_MIND]
        each.agency.do("consent", "withdraw", each.agency.file(f"{each.case.name}.json", each.case.content))
        each.until(each.home, lambda value: value["state"] == "SUSPENDED")
        self._tell("  She changes her mind and withdraws: the return is suspended at both offices; nothing more goes.")
        waiting = each.home.until(
            ("inbox", "list"), lambda value: any(row["withdrawal_to_answer"] for row in value["referrals"])
        )
        for row in waiting["referrals"]:
            if row["withdrawal_to_answer"]:
                each.home.do("inbox", "acknowledge", str(row["referral"]), "STOPPED")
                break

    def _child(self) -> None:
        """Do for a child what the guards demand beyond an adult's departure."""
        each = self._all[CHILD]
        self._prepare(each, escort="GUARDIAN")
        missing = each.until(each.agency, lambda value: _no_adult_guard(value["guards"]))["guards"]
        self._tell(f"  The girl may not leave yet: {', '.join(missing)}")
        relatives = {"relatives": [{"relation": "Fictional grandmother", "place": "Fictional village"}]}
        each.do(each.agency, "trace-family", "--file", self._file(each, "family", relatives))
        assessed = self._file(each, "assessed", {"result": "SUITABLE_WITH_SUPPORT"})
        each.do(each.home, "family", "--file", assessed)
        best = {"conclusion": "RETURN_TO_FAMILY", "guardian_agrees": True, "child_view": "Fictional: I want to"}
        words = ("--determined-by-role", "CHILD_PROTECTION_OFFICER", "--file", self._file(each, "best", best))
        each.do(each.agency, "best-interests", *words)
        each.until(each.agency, lambda value: value["guards"] == [])
        each.do(each.agency, "authorise", *self._departure(each))
        each.until(each.home, lambda value: value["state"] == "DEPARTURE_AUTHORISED")
        self._tell("  Family assessed, best interests determined, the guardian travels along: she may leave.")

    def _prepare(self, each: Return, escort: str = "NONE") -> None:
        """Do what an adult's departure needs, at both offices side by side."""
        now_ms = self._world.now_ms()
        each.do(each.agency, "assess", "--file", self._file(each, "risks", risks(now_ms)))
        each.do(each.agency, "plan", "--file", self._file(each, "plan", plan(now_ms) | {"escort": escort}))
        place = self._file(each, "place", {"place_kind": "SHELTER", "meets_on_arrival": True})
        words = ("--responsible-worker-role", "SHELTER_MANAGER", "--available-from", _moment(now_ms))
        each.do(each.home, "reception", *words, "--file", place)
        document = {"kind": "RETURN_CERTIFICATE", "valid_until_ms": now_ms + 300 * DAY_MS}
        each.do(each.home, "document", "--file", self._file(each, "document", document))
        each.until(each.home, lambda value: _said(value, "JointRiskAssessmentRecorded"))
        each.do(each.home, "co-sign")

    def _journeys(self) -> None:
        both = (self._all[GOES_HOME], self._all[IS_MISSING])
        for each in both:
            each.until(each.agency, lambda value: value["guards"] == [])
            now_ms = self._world.now_ms()
            each.do(each.agency, "authorise", *self._departure(each))
            left = self._file(each, "left", {"at_ms": now_ms})
            each.do(each.agency, "depart", "--expected", _moment(now_ms + DAY_MS), "--file", left)
        for each in both:
            each.until(each.home, lambda value: value["state"] == "IN_TRANSIT")
        self._tell("  Two people leave, expected tomorrow.")
        arrived = self._all[GOES_HOME]
        now_ms = self._world.now_ms()
        arrived.do(arrived.home, "arrived", "--at", _moment(now_ms), "--expected", _moment(now_ms + 3 * DAY_MS))
        arrived.do(arrived.home, "handover", "--at", _moment(now_ms))
        arrived.until(arrived.agency, lambda value: value["state"] == "ARRIVED")
        arrived.do(arrived.agency, "handover", "--at", _moment(now_ms))
        arrived.until(arrived.home, lambda value: value["state"] == "HANDED_OVER")
        self._tell("  One arrives; both offices sign the hand-over.")
        self._world.pass_time(2)
        missing = self._all[IS_MISSING]
        for name, office in (("host", missing.agency), ("home", missing.home)):
            alarms = office.until(("alarms",), lambda value: _alarms(value, "PERSON_NOT_ARRIVED") > 0, 90.0)
            self.ended.alarms[name] = _alarms(alarms, "PERSON_NOT_ARRIVED")
        self._tell("  Two days later the other has not arrived: PERSON_NOT_ARRIVED at both ends.")
        missing.do(missing.agency, "abort", "--reason", "TURNED_BACK")
        self._tell("  They are found: turned back at the border. The return is given up and the alarm dealt with.")

    def _emergency(self) -> None:
        """Tell a hospital what it must know at once, on the word of two officers, and let a third review it."""
        missing = self._all[IS_MISSING]
        agency, shelter = missing.agency, missing.home
        agency.until(("status",), _has_newest_directory)  # the policy that allows emergencies has come in by the log
        secrets = [agency.secret(f"officer-{number}", f"fictional officer {number}") for number in range(3)]
        names = []
        for path in secrets:
            made = agency.do("officers", "add", "--role", "DUTY_OFFICER", "--key-passphrase-file", path)
            names.append(made["officer"])
        case = agency.file(f"{missing.case.name}.json", missing.case.content)
        needed = self._file(missing, "needed", {"needed_now": "Fictional: allergies?"})
        words = (
            *("emergency", "invoke", case, "--to", shelter.org, "--ground", "MEDICAL_EMERGENCY"),
            *("--incapacity", "UNCONSCIOUS", "--category", "IDENTITY", "--file", needed),
            *("--first", names[0], "--first-passphrase-file", secrets[0]),
        )
        alone = agency.ask(*words, "--second", names[0], "--second-passphrase-file", secrets[0])
        made = agency.do(*words, "--second", names[1], "--second-passphrase-file", secrets[1])
        shelter.until(("alarms",), lambda value: _alarms(value, "EMERGENCY_DISCLOSED") > 0)
        review = ("--result", "UPHELD", "--officer", names[2], "--officer-passphrase-file", secrets[2])
        agency.do("emergency", "review", str(made["emergency"]), *review)
        shelter.until(("alarms",), lambda value: _alarms(value, "EMERGENCY_UPHELD") > 0)
        self.ended.emergency = f"{alone.code}, then disclosed and UPHELD"
        self._tell("  One of them collapses on the way. Nobody can ask him; the hospital must know at once.")
        self._tell(f"    one officer alone: {alone.code}. Two officers: disclosed, loudly. A third reviews it: UPHELD.")

    def _months(self) -> None:
        each = self._all[GOES_HOME]
        help_at_home = {"stage": "CRISIS", "services": ["SocialCare"], "monitoring_agreed": True}
        words = ("--responsible-worker-role", "SOCIAL_WORKER", "--file", self._file(each, "help", help_at_home))
        each.do(each.home, "reintegration", *words)
        for contacts, (month, days) in enumerate(((1, 29), (3, 60)), start=1):
            self._world.pass_time(days)

            def reminded(value: Any, contacts: int = contacts) -> bool:
                return _alarms(value, "DEADLINE_NEAR") >= contacts

            def heard(value: Any, contacts: int = contacts) -> bool:
                return _contacts(value) == contacts

            each.home.until(("alarms",), reminded, 90.0)
            contact = self._file(each, f"month-{month}", {"month": month, "result": "SAFE"})
            each.do(each.home, "monitor", "--file", contact)
            each.until(each.agency, heard)
            self._tell(f"  Month {month}: the home country is reminded, asks him, and the host country hears: safe.")

    def _departure(self, each: Return) -> tuple[str, ...]:
        officers = ("--first-officer-role", "CASE_MANAGER", "--second-officer-role", "NATIONAL_FOCAL_POINT")
        return (*officers, "--file", self._file(each, "departure", {"departs_ms": self._world.now_ms()}))

    def _file(self, each: Return, name: str, content: dict[str, Any]) -> str:
        return each.agency.file(f"{each.case.name}-{name}.json", content)


def return_consent(case: PlannedCase) -> dict[str, Any]:
    """Return the consent to a return: the purposes of each step beside that of the referral, for ten months."""
    form = consent_form(case)
    until = datetime.now(UTC) + timedelta(days=300)
    permit = {
        "purposes": [case.file.purpose, *PURPOSES],
        "actions": [Action.DISCLOSE, Action.REPORT_BACK],
        "data_categories": CATEGORIES,
    }
    ends = {"valid_until": until.isoformat(timespec="milliseconds"), "retain_until": "2030-01-01"}
    return form | ends | {"permit": [permit]}


def risks(now_ms: int) -> dict[str, Any]:
    """Return a risk assessment, valid for a month."""
    return {
        "risks": [{"factor": "RETALIATION", "level": "MED", "mitigation": "Fictional: another region, a new number"}],
        "summary": "Fictional: assessed by both offices.",
        "valid_until_ms": now_ms + 30 * DAY_MS,
        "protected_from_return": False,
        "responsible_worker_role": "CASE_MANAGER",
    }


def plan(now_ms: int) -> dict[str, Any]:
    """Return a return plan of one leg."""
    leg = {
        "from_place": "Fictional town A",
        "to_place": "Fictional town B",
        "transport": "BUS",
        "departs_ms": now_ms,
        "arrives_ms": now_ms + DAY_MS,
    }
    return {
        "legs": [leg],
        "escort": "NONE",
        "fit_to_travel": True,
        "legal_status": "CONCLUDED",
        "contingency": "Fictional: the hotline of either country, day and night.",
        "agreed_by": "PERSON",
        "responsible_worker_role": "CASE_MANAGER",
    }


def _moment(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")


def _wishes(value: Any) -> list[int]:
    return [row["referral"] for row in value["referrals"] if row["state"] == "RETURN_WISH_RECORDED"]


def _said(value: Any, kind: str) -> bool:
    return any(event["type"] == kind for event in value["events"])


def _contacts(value: Any) -> int:
    return sum(event["type"] == "MonitoringContactRecorded" for event in value["events"])


def _no_adult_guard(guards: list[str]) -> bool:
    """Whether only what is asked of a child is missing."""
    children = {"GUARD_AGAINST_BEST_INTERESTS", "GUARD_BEST_INTERESTS", "GUARD_FAMILY_ASSESSMENT"}
    return set(guards) == children


def _has_newest_directory(value: Any) -> bool:
    return value["home"]["directory_waiting_ms"] is None and value["home"]["directory_unconfirmed"] == 0


def _alarms(value: Any, code: str) -> int:
    rows = value["alarms"] if isinstance(value, dict) else value
    return sum(row["code"] == code for row in rows)
