"""What the client's errors mean for us."""

from __future__ import annotations

import logging

import pytest
from confluent_kafka import KafkaError

from refbus.bus.kafka_errors import Troubles, answer_error, error_named, error_of
from refbus.errors import Code, SetupError, TransportError


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("_MSG_TIMED_OUT", Code.BROKER_UNREACHABLE),
        ("_ALL_BROKERS_DOWN", Code.BROKER_UNREACHABLE),
        ("NOT_ENOUGH_REPLICAS_AFTER_APPEND", Code.BROKER_UNREACHABLE),
        ("MSG_SIZE_TOO_LARGE", Code.BROKER_REFUSED),
        ("TOPIC_AUTHORIZATION_FAILED", Code.BROKER_REFUSED),
        ("NOT_ENOUGH_REPLICAS", Code.BROKER_REFUSED),
        ("UNKNOWN_TOPIC_OR_PART", Code.TOPIC_MISSING),
        ("AN_ERROR_OF_A_LATER_CLIENT", Code.BROKER_REFUSED),
    ],
)
def test_an_error_has_one_of_our_codes(name: str, code: Code) -> None:
    """Outcome open, refused, or no such topic; the detail is the name and nothing else."""
    error = error_named(name)
    assert isinstance(error, TransportError)
    assert (error.code, error.detail) == (code, name)
    assert error.retriable


def test_a_lost_position_needs_a_person() -> None:
    """Offsets out of range are not retried."""
    error = error_named("OFFSET_OUT_OF_RANGE")
    assert isinstance(error, SetupError)
    assert error.code is Code.LOG_TRUNCATED


def test_after_a_fatal_error_the_outcome_is_open() -> None:
    """Whatever its name, a fatal error says nothing about what was under way."""
    assert error_named("MSG_SIZE_TOO_LARGE", fatal=True).code is Code.BROKER_UNREACHABLE


def test_the_text_of_the_client_is_not_carried() -> None:
    """The client's text may quote a path or a host; only the name of the error comes through."""
    error = error_of(KafkaError(KafkaError._TRANSPORT, "canary"))
    assert error.code is Code.BROKER_UNREACHABLE
    assert "canary" not in str(error)


def test_a_broken_connection_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """The same error again says nothing new; another one does."""
    troubles = Troubles(logging.getLogger("test.troubles"))
    with caplog.at_level(logging.WARNING, "test.troubles"):
        for code in (KafkaError._TRANSPORT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
            troubles(KafkaError(code, "canary"))
    assert [record.getMessage() for record in caplog.records] == [
        "broker connection: _TRANSPORT",
        "broker connection: _ALL_BROKERS_DOWN",
    ]


def test_a_missing_topic_is_an_answer_when_asked_and_a_failure_when_written() -> None:
    """Asking again does not help; writing again may, once the topic is there."""
    failure = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)
    assert isinstance(answer_error(failure), SetupError)
    assert isinstance(error_of(failure), TransportError)
    assert isinstance(answer_error(KafkaError(KafkaError._TIMED_OUT)), TransportError)
