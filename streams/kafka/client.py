"""A first connection to the brokers, with the reason when none can be used.

librdkafka retries for ever, and its calls say no more than "Broker transport failure": the reason
comes by `error_cb`. A command needs both within seconds, as one sentence.

    error_cb -> reason (the last one that says more than "all brokers are down") -> remedy
"""

import contextlib
import re
import socket
import ssl
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from streams.config import Settings
from streams.kafka.outage import broker_error
from streams.tokens import TokenError

CONNECT_TIMEOUT_S = 5.0
PROBE_TIMEOUT_S = 3.0
ADMIN_MS = 60_000
# what librdkafka puts around a reason: the broker's address, and how long it took
_AROUND = re.compile(r"^\S+/(?:bootstrap|\d+): | \(after \d+ms in state \w+\)")
NO_TLS = (
    "the port does not speak TLS: set KAFKA_SECURITY_PROTOCOL to PLAINTEXT or SASL_PLAINTEXT, or "
    "KAFKA_BOOTSTRAP_SERVERS to the port that does"
)
START_ONE = "start one (`slatestream broker`) or set KAFKA_BOOTSTRAP_SERVERS"
# the first words that a reason holds decide
REMEDIES = (
    (
        "Request not valid in current SASL state",
        "the broker wants no login there: set KAFKA_SECURITY_PROTOCOL to PLAINTEXT or SSL, or "
        "KAFKA_BOOTSTRAP_SERVERS to the port that wants one",
    ),
    ("mechanism handshake failed", "set KAFKA_SASL_MECHANISM to one that the broker supports"),
    ("Authentication failed", "set KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD to a user it knows"),
    (
        "certificate verify failed",
        "set KAFKA_SSL_CAFILE to the authority that signed the broker's certificate, and "
        "KAFKA_BOOTSTRAP_SERVERS to a name that stands in it",
    ),
    (
        "alert",
        "the broker refuses this client's certificate, or wants one: set KAFKA_SSL_CERTFILE and "
        "KAFKA_SSL_KEYFILE to one that its authority signed",
    ),
    ("PLAINTEXT broker listener", NO_TLS),
)


def consuming(client: Mapping[str, Any]) -> dict[str, Any]:
    """What every consumer starts from: the group of this project's clients, whether it joins it or
    not, so that no right on another one is needed; what it cannot reach is logged.
    """
    return {"group.id": "slatestream", **client, "error_cb": broker_error}


class BrokerUnreachable(RuntimeError):
    """No broker can be used: the sentence says why, as far as it is known, and what to do."""


class Reason(NamedTuple):
    """Why no broker can be used, and what to do."""

    found: str
    remedy: str


def connect(settings: Settings, timeout_s: float = CONNECT_TIMEOUT_S) -> AdminClient:
    """An admin client whose brokers have answered.

    Raises
    ------
    BrokerUnreachable
        When none of `KAFKA_BOOTSTRAP_SERVERS` answers within `timeout_s`, or they refuse the login.
    SettingsError
        When a certificate file cannot be used.
    """
    heard: list[KafkaError] = []
    try:
        config: dict[str, Any] = settings.kafka_client()
    except TokenError as error:
        raise BrokerUnreachable(str(error)) from None
    # what it asks of brokers that have just started may take them a while
    patient = {"socket.timeout.ms": ADMIN_MS}
    admin = AdminClient(config | patient | {"log_level": 0, "error_cb": heard.append})
    try:
        admin.list_topics(timeout=timeout_s)
    except KafkaException as error:
        admin.poll(0)  # hands out what was heard
        reason = explain(settings, [*heard, error.args[0]])
        msg = (
            f"expected a Kafka broker at {settings.bootstrap_servers} "
            f"({settings.security_protocol}), found no usable answer "
            f"within {timeout_s:g} s ({reason.found}); {reason.remedy}"
        )
        raise BrokerUnreachable(msg) from None
    return admin


def explain(settings: Settings, heard: Iterable[KafkaError]) -> Reason:
    """Why no broker can be used, from what a client heard, and what to do.

    The last reason with a remedy counts: how connections end varies. Where there is none a port is
    asked itself whether it speaks TLS: one that does closes a plain connection without a word, and
    one that does not may close another.
    """
    telling = [
        said(error)
        for error in heard
        if error.code() not in (KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT)
        and not error.str().startswith("Failed to get metadata")
    ]
    for found in reversed(telling):
        for words, remedy in REMEDIES:
            if words in found:
                return Reason(found, remedy)
    with_tls = settings.security_protocol.endswith("SSL")
    for server in settings.bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition(":")
        speaks_tls = _speaks_tls(host.strip("[]"), int(port)) if port.isdigit() else None
        if speaks_tls and not with_tls:
            wanted = settings.security_protocol.replace("PLAINTEXT", "SSL")
            return Reason(f"{server.strip()} speaks TLS", f"set KAFKA_SECURITY_PROTOCOL={wanted}")
        if speaks_tls is False and with_tls:
            return Reason(f"{server.strip()} does not speak TLS", NO_TLS)
    if telling:
        return Reason(telling[-1], START_ONE)
    return Reason(
        "connections end without an answer",
        f"check KAFKA_SECURITY_PROTOCOL (a port that wants a login does that), or {START_ONE}",
    )


def said(error: KafkaError) -> str:
    """The reason in a client's error, without the address and the milliseconds around it."""
    return _AROUND.sub("", error.str())


def _speaks_tls(host: str, port: int) -> bool | None:
    """None where nobody listens."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent: only the kind of the port is asked
    try:
        plain = socket.create_connection((host, port), PROBE_TIMEOUT_S)
    except OSError:
        return None
    with contextlib.suppress(OSError), plain, context.wrap_socket(plain, server_hostname=host):
        return True
    return False
