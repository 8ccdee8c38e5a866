"""The course of a return home: every row of its table written a second time, what crosses, suspension, the road."""

from __future__ import annotations

import pytest

from refbus.core.courses.course import CourseView, may_emit, state_of
from refbus.core.courses.machine import CourseKind, Role
from refbus.core.courses.repatriation import AT_HOME, BEFORE_JOURNEY, FINAL, MACHINE, PREPARING, TABLE, ReturnState
from refbus.core.vocabulary import EventType
from refbus.errors import Code
from support.courses import Course
from support.passages import event_id

E, R = EventType, ReturnState
S, T = Role.SOURCE, Role.TARGET
WAITING = {
    R.RETURN_WISH_RECORDED,
    R.RISK_ASSESSMENT,
    R.IDENTITY_VERIFICATION,
    R.FAMILY_TRACING,
    R.BEST_INTERESTS,
    R.TRAVEL_DOCUMENTS,
    R.RECEPTION_CONFIRMED,
    R.PLAN_AGREED,
}
STAYING = WAITING | {R.DEPARTURE_AUTHORISED, R.SUSPENDED}
RUNNING = STAYING | {R.IN_TRANSIT, R.ARRIVED, R.HANDED_OVER, R.REINTEGRATION, R.MONITORING}
ANY = set(R)
SENT = ANY - {R.DRAFT}

ESCORTED = {R.IN_TRANSIT, R.ARRIVED, R.HANDED_OVER, R.REINTEGRATION, R.MONITORING}
ENDED = {R.ABORTED, R.CLOSED}

# event: (states in which SOURCE may say it, states in which TARGET may, state it leads to, reason needed)
ROWS: dict[EventType, tuple[set[ReturnState], set[ReturnState], ReturnState | None, bool]] = {
    E.RETURN_WISH_RECORDED: ({R.DRAFT}, set(), R.RETURN_WISH_RECORDED, False),
    E.RISK_ASSESSED: (STAYING, STAYING, R.RISK_ASSESSMENT, False),
    E.NATIONALITY_REQUESTED: (STAYING, set(), R.IDENTITY_VERIFICATION, False),
    E.NATIONALITY_CONFIRMED: (set(), STAYING, R.IDENTITY_VERIFICATION, False),
    E.NATIONALITY_NEGATIVE: (set(), STAYING, R.IDENTITY_VERIFICATION, False),
    E.FAMILY_TRACING_REQUESTED: (STAYING, set(), R.FAMILY_TRACING, False),
    E.FAMILY_ASSESSED: (set(), STAYING, R.FAMILY_TRACING, False),
    E.BEST_INTERESTS_DETERMINED: (STAYING, set(), R.BEST_INTERESTS, False),
    E.DOCUMENT_REQUESTED: (STAYING, set(), R.TRAVEL_DOCUMENTS, False),
    E.DOCUMENT_ISSUED: (STAYING, STAYING, R.TRAVEL_DOCUMENTS, False),
    E.RECEPTION_CONFIRMED: (set(), STAYING, R.RECEPTION_CONFIRMED, False),
    E.PLAN_AGREED: (STAYING, set(), R.PLAN_AGREED, False),
    E.INFORMATION_REQUESTED: (RUNNING, RUNNING, None, False),
    E.INFORMATION_PROVIDED: (RUNNING, RUNNING, None, False),
    E.COMPANIONS_CHANGED: (SENT, set(), None, False),
    E.DEPARTURE_AUTHORISED: ({R.PLAN_AGREED}, set(), R.DEPARTURE_AUTHORISED, False),
    E.DEPARTED: ({R.DEPARTURE_AUTHORISED}, set(), R.IN_TRANSIT, False),
    E.CHECKPOINT_REACHED: ({R.IN_TRANSIT}, {R.IN_TRANSIT}, None, False),
    E.TRANSIT_DELAYED: ({R.IN_TRANSIT}, {R.IN_TRANSIT}, None, False),
    E.ESCORT_HANDED_OVER: (ESCORTED, ESCORTED, None, False),
    E.ESCORT_TAKEN_OVER: (ESCORTED | ENDED, ESCORTED | ENDED, None, False),
    E.ARRIVED: (set(), {R.DEPARTURE_AUTHORISED, R.IN_TRANSIT}, R.ARRIVED, False),
    E.HANDOVER_CONFIRMED: (
        {R.ARRIVED, R.REINTEGRATION, R.MONITORING},
        {R.ARRIVED, R.REINTEGRATION, R.MONITORING},
        R.HANDED_OVER,
        False,
    ),
    E.REINTEGRATION_AGREED: (set(), {R.ARRIVED, R.HANDED_OVER}, R.REINTEGRATION, False),
    E.MONITORING_RECORDED: (set(), {R.HANDED_OVER, R.REINTEGRATION, R.MONITORING}, R.MONITORING, False),
    E.REPATRIATION_CLOSED: (set(), {R.HANDED_OVER, R.REINTEGRATION, R.MONITORING}, R.CLOSED, False),
    E.REPATRIATION_SUSPENDED: (
        WAITING | {R.DEPARTURE_AUTHORISED},
        WAITING | {R.DEPARTURE_AUTHORISED},
        R.SUSPENDED,
        True,
    ),
    E.REPATRIATION_RESUMED: ({R.SUSPENDED}, set(), None, False),
    E.REPATRIATION_ABORTED: (STAYING | {R.IN_TRANSIT}, STAYING | {R.IN_TRANSIT}, R.ABORTED, True),
    E.ENTERED_IN_ERROR: (STAYING | {R.ABORTED}, set(), R.ENTERED_IN_ERROR, True),
    E.REFERRAL_DELIVERED: (set(), SENT, None, False),
    E.REFERRAL_OPENED: (set(), SENT, None, False),
    E.CONSENT_GRANTED: (ANY, set(), None, False),
    E.CONSENT_AMENDED: (ANY, set(), None, False),
    E.CONSENT_WITHDRAWN: (ANY, ANY, R.SUSPENDED, False),
    E.WITHDRAWAL_ACKNOWLEDGED: (ANY, ANY, None, False),
    E.UNDECRYPTABLE: (ANY, ANY, None, False),
    E.INTAKE_REPORTED: (ANY, ANY, None, False),
    E.OFFICE_RESTORED: (ANY, ANY, None, False),
}
PREPARED = (
    E.RISK_ASSESSED,
    E.NATIONALITY_REQUESTED,
    E.NATIONALITY_CONFIRMED,
    E.FAMILY_TRACING_REQUESTED,
    E.FAMILY_ASSESSED,
    E.BEST_INTERESTS_DETERMINED,
    E.DOCUMENT_REQUESTED,
    E.DOCUMENT_ISSUED,
    E.RECEPTION_CONFIRMED,
    E.PLAN_AGREED,
)
LEFT = (*PREPARED, E.DEPARTURE_AUTHORISED, E.DEPARTED)


def course(*kinds: EventType) -> Course:
    """Begin a return and go on with `kinds`."""
    return Course(E.RETURN_WISH_RECORDED).follow(*kinds)


@pytest.mark.parametrize("kind", TABLE)
def test_each_row_is_as_written_here(kind: EventType) -> None:
    """Who may say it in which state, what it leads to, whether it needs a reason."""
    source, target, to, reason = ROWS[kind]
    rule = TABLE[kind]
    assert (rule.to, rule.reason) == (to, reason)
    for role, states in ((S, source), (T, target)):
        for state in R:
            giver = {S: T, T: S}[role] if kind is E.ESCORT_TAKEN_OVER else None
            view = CourseView(state=state, last=event_id("a"), kind=CourseKind.REPATRIATION, handing_over=giver)
            codes = may_emit(view, role, kind)
            expected = () if state in states else (Code.STATE_NOT_ALLOWED if states else Code.ROLE_NOT_ALLOWED,)
            assert codes == expected, (role, state)


def test_the_rows_here_are_all_rows() -> None:
    """No event of a return without a second writing."""
    assert set(ROWS) == set(TABLE)
    assert frozenset(PREPARING) == WAITING
    assert frozenset(BEFORE_JOURNEY) == STAYING
    assert {R.ARRIVED, R.HANDED_OVER, R.REINTEGRATION, R.MONITORING} == AT_HOME
    assert {R.CLOSED, R.ABORTED, R.ENTERED_IN_ERROR} == FINAL == MACHINE.final


def test_a_return_goes_home_step_by_step() -> None:
    """Each step of the road shows its state; nothing is set aside."""
    steps = [
        (E.RISK_ASSESSED, R.RISK_ASSESSMENT),
        (E.NATIONALITY_REQUESTED, R.IDENTITY_VERIFICATION),
        (E.NATIONALITY_CONFIRMED, R.IDENTITY_VERIFICATION),
        (E.FAMILY_TRACING_REQUESTED, R.FAMILY_TRACING),
        (E.FAMILY_ASSESSED, R.FAMILY_TRACING),
        (E.BEST_INTERESTS_DETERMINED, R.BEST_INTERESTS),
        (E.DOCUMENT_REQUESTED, R.TRAVEL_DOCUMENTS),
        (E.DOCUMENT_ISSUED, R.TRAVEL_DOCUMENTS),
        (E.RECEPTION_CONFIRMED, R.RECEPTION_CONFIRMED),
        (E.PLAN_AGREED, R.PLAN_AGREED),
        (E.DEPARTURE_AUTHORISED, R.DEPARTURE_AUTHORISED),
        (E.DEPARTED, R.IN_TRANSIT),
        (E.CHECKPOINT_REACHED, R.IN_TRANSIT),
        (E.TRANSIT_DELAYED, R.IN_TRANSIT),
        (E.ARRIVED, R.ARRIVED),
    ]
    road = course()
    for kind, state in steps:
        assert road.add(kind).view.state is state
    road.add(E.HANDOVER_CONFIRMED, by=T)
    assert (road.view.state, road.view.first_word) == (R.ARRIVED, frozenset({T}))
    assert road.add(E.HANDOVER_CONFIRMED, by=S).view.state is R.HANDED_OVER
    assert road.add(E.REINTEGRATION_AGREED).view.state is R.REINTEGRATION
    assert road.add(E.MONITORING_RECORDED).view.state is R.MONITORING
    assert road.add(E.REPATRIATION_CLOSED).view.state is R.CLOSED
    assert (road.view.kind, road.view.crossed) == (CourseKind.REPATRIATION, ())


def test_preparation_moves_only_forward() -> None:
    """The offices work side by side: a risk assessment that comes after the plan does not take the plan back."""
    assert course(E.PLAN_AGREED, E.RISK_ASSESSED, E.DOCUMENT_ISSUED).view.state is R.PLAN_AGREED
    authorised = course(*PREPARED, E.DEPARTURE_AUTHORISED)
    assert authorised.add(E.RISK_ASSESSED).view.state is R.DEPARTURE_AUTHORISED


def test_a_suspension_goes_on_where_it_was_and_preparation_goes_on_beneath() -> None:
    """Resuming leads back; what was prepared meanwhile counts."""
    road = course(E.RISK_ASSESSED, E.REPATRIATION_SUSPENDED)
    assert (road.view.state, road.view.resumes_at) == (R.SUSPENDED, R.RISK_ASSESSMENT)
    assert road.add(E.RECEPTION_CONFIRMED).view.state is R.SUSPENDED
    road.add(E.REPATRIATION_RESUMED)
    assert (road.view.state, road.view.resumes_at, road.view.crossed) == (R.RECEPTION_CONFIRMED, None, ())


@pytest.mark.parametrize("kind", [E.REPATRIATION_SUSPENDED, E.CONSENT_WITHDRAWN])
def test_an_authorisation_does_not_survive_a_suspension(kind: EventType) -> None:
    """A departure must be authorised again, with all its guards."""
    road = course(*PREPARED, E.DEPARTURE_AUTHORISED, kind)
    assert (road.view.state, road.view.status) == (R.SUSPENDED, "SUSPENDED")
    assert road.follow(E.CONSENT_GRANTED, E.REPATRIATION_RESUMED).view.state is R.PLAN_AGREED


def test_a_withdrawal_suspends_before_the_journey_only() -> None:
    """On the road the person is still brought to safety; that consent is withdrawn is known all the same."""
    for state in (course(), course(*PREPARED)):
        assert state.add(E.CONSENT_WITHDRAWN, by=S).view.state is R.SUSPENDED
    road = course(*LEFT).add(E.CONSENT_WITHDRAWN, by=S)
    assert (road.view.state, road.view.status, road.view.suspended) == (R.IN_TRANSIT, "IN_TRANSIT", True)


def test_a_return_that_was_resumed_without_consent_still_shows_as_suspended() -> None:
    """The overlay stays until consent is given again."""
    road = course(E.CONSENT_WITHDRAWN, E.REPATRIATION_RESUMED)
    assert (road.view.state, road.view.status) == (R.RETURN_WISH_RECORDED, "SUSPENDED")


@pytest.mark.parametrize("stop", [E.REPATRIATION_SUSPENDED, E.REPATRIATION_ABORTED, E.CONSENT_WITHDRAWN])
def test_a_person_who_travels_is_shown_on_the_road_whatever_crossed(stop: EventType) -> None:
    """The stop was said before its sender knew of the departure; the departure has happened."""
    road = course(*PREPARED).add(E.DEPARTURE_AUTHORISED, name="authorised").add(E.DEPARTED)
    road.add(stop, by=T, after="authorised")
    assert road.view.state is R.IN_TRANSIT
    assert road.add(E.ARRIVED).view.state is R.ARRIVED


def test_an_abort_on_the_road_by_one_who_knows_of_the_departure_stands() -> None:
    """The person turned back."""
    assert course(*LEFT).add(E.REPATRIATION_ABORTED, by=S).view.state is R.ABORTED


def test_an_arrival_that_overtakes_the_departure_counts() -> None:
    """The home country saw only the authorisation; the departure comes late and changes nothing."""
    road = course(*PREPARED).add(E.DEPARTURE_AUTHORISED, name="authorised").add(E.ARRIVED)
    assert road.view.state is R.ARRIVED
    road.add(E.DEPARTED, after="authorised")
    assert road.view.state is R.ARRIVED


def test_help_does_not_wait_for_a_signature() -> None:
    """A former host country that is silent does not keep the person from a plan; it may sign late."""
    road = course(*LEFT, E.ARRIVED).add(E.HANDOVER_CONFIRMED, by=T).add(E.REINTEGRATION_AGREED)
    assert road.view.state is R.REINTEGRATION
    road.add(E.HANDOVER_CONFIRMED, by=S)
    assert (road.view.state, road.view.crossed, road.view.first_word) == (R.REINTEGRATION, (), frozenset())


def test_while_suspended_preparation_goes_only_forward_too() -> None:
    """A late assessment does not take the plan back; what was given up resumes nowhere."""
    road = course(*PREPARED, E.REPATRIATION_SUSPENDED, E.RISK_ASSESSED)
    assert (road.view.state, road.view.resumes_at) == (R.SUSPENDED, R.PLAN_AGREED)
    road.add(E.REPATRIATION_ABORTED, by=S)
    assert (road.view.state, road.view.resumes_at) == (R.ABORTED, None)


def test_the_kind_is_known_before_the_wish_arrives() -> None:
    """Events that only a return has tell it; parties too."""
    late = course(E.RECEPTION_CONFIRMED).facts[1:]
    view = state_of(late)
    assert (view.kind, view.state) == (CourseKind.REPATRIATION, R.DRAFT)
    assert view.target == late[0].sender


ROAD = [
    R.RETURN_WISH_RECORDED,
    R.RISK_ASSESSMENT,
    R.IDENTITY_VERIFICATION,
    R.FAMILY_TRACING,
    R.BEST_INTERESTS,
    R.TRAVEL_DOCUMENTS,
    R.RECEPTION_CONFIRMED,
    R.PLAN_AGREED,
]
LEAVING = WAITING | {R.DEPARTURE_AUTHORISED}
NOT_GONE = STAYING | {R.ABORTED}
MOVES: dict[EventType, set[ReturnState]] = {
    E.RISK_ASSESSED: set(ROAD[:1]),
    E.NATIONALITY_REQUESTED: set(ROAD[:2]),
    E.NATIONALITY_CONFIRMED: set(ROAD[:2]),
    E.NATIONALITY_NEGATIVE: set(ROAD[:2]),
    E.FAMILY_TRACING_REQUESTED: set(ROAD[:3]),
    E.FAMILY_ASSESSED: set(ROAD[:3]),
    E.BEST_INTERESTS_DETERMINED: set(ROAD[:4]),
    E.DOCUMENT_REQUESTED: set(ROAD[:5]),
    E.DOCUMENT_ISSUED: set(ROAD[:5]),
    E.RECEPTION_CONFIRMED: set(ROAD[:6]),
    E.PLAN_AGREED: set(ROAD[:7]),
    E.DEPARTED: NOT_GONE,
    E.ARRIVED: NOT_GONE | {R.IN_TRANSIT},
    E.HANDOVER_CONFIRMED: {R.ARRIVED},
    E.REPATRIATION_RESUMED: {R.SUSPENDED},
    E.REPATRIATION_ABORTED: STAYING | {R.IN_TRANSIT},
    E.ENTERED_IN_ERROR: NOT_GONE,
    E.CONSENT_WITHDRAWN: LEAVING,
}


@pytest.mark.parametrize("kind", TABLE)
def test_each_row_moves_what_is_written_here(kind: EventType) -> None:
    """From which states it leads on; who must say it together; what resumes; and every row has its source."""
    rule = TABLE[kind]
    assert (None if rule.moves is None else set(rule.moves)) == MOVES.get(kind)
    assert rule.both == (kind is E.HANDOVER_CONFIRMED)
    assert rule.resumes == (kind is E.REPATRIATION_RESUMED)
    assert rule.source


def test_what_stops_and_what_stands_is_written_here() -> None:
    """An abort and a mistake stop; they, and what has happened on the road, take effect whatever crossed them."""
    assert {E.REPATRIATION_ABORTED, E.ENTERED_IN_ERROR} == MACHINE.stops
    assert {*MACHINE.stops, E.DEPARTED, E.ARRIVED} == MACHINE.stands
    assert (MACHINE.begins, MACHINE.draft, MACHINE.suspended) == (E.RETURN_WISH_RECORDED, R.DRAFT, R.SUSPENDED)
    assert (MACHINE.hidden, MACHINE.overlay) == (frozenset(STAYING), "SUSPENDED")
    assert MACHINE.undone == {R.DEPARTURE_AUTHORISED: R.PLAN_AGREED}
