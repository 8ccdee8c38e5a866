"""The places that sealed values belong to: table, column and row. A value moved elsewhere does not open."""

from __future__ import annotations


def fact_place(kind: str, key: bytes) -> str:
    """Place of a fact's value."""
    return f"fact/{kind}/{key.hex()}"


def record_place(topic: str, offset: int) -> str:
    """Place of a record as received, held or kept."""
    return f"record/{topic}/{offset}"


def answer_place(topic: str, offset: int) -> str:
    """Place of what a resend is answered from."""
    return f"answer/{topic}/{offset}"


def deadline_place(course_key: bytes) -> str:
    """Place of the timetable of a course."""
    return f"deadline/{course_key.hex()}"


def outgoing_place(destination: str, topic: str) -> str:
    """Place of a value on its way; its number is not known when it is sealed."""
    return f"outgoing/{destination}/{topic}"
