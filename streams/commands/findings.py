"""Findings of `slatestream doctor`: a line of its report, and the words that an error becomes."""

from typing import NamedTuple

from confluent_kafka import KafkaError

GOOD, CARE, BAD = "good", "care", "bad"


class Finding(NamedTuple):
    """One line of the report. `bad` stops a worker or loses something; `care` is worth knowing."""

    check: str
    status: str
    found: str
    remedy: str = ""


def one_line(error: Exception) -> str:
    """An error in one line."""
    first = error.args[0] if error.args else error
    text = first.str() if isinstance(first, KafkaError) else str(error)
    return " ".join(text.split()) or type(error).__name__
