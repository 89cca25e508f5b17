"""Settings of a worker's place in its group, and of its transactions; how long brokers may take."""

import re

from streams.setting import Setting, SettingsError

# of librdkafka; as shipped a minute, half of one, and 10 s: a broker that is cut off closes no
# connection, and requests wait for it one after the other
ANSWER_LIMITS = {
    "socket.timeout.ms": 10_000,
    "socket.connection.setup.timeout.ms": 10_000,
    "reconnect.backoff.max.ms": 2_000,
}
_NAME = re.compile(r"[A-Za-z0-9._-]{0,200}")  # a group.instance.id has at most 249 of these

GROUP_SETTINGS = (
    Setting(
        "SLATESTREAM_BROKER_SESSION_TIMEOUT_S",
        "broker_session_timeout_s",
        10.0,
        float,
        "seconds without heartbeat until the group gives a worker up",
        1,
        3_600,
    ),
    Setting(
        "SLATESTREAM_BROKER_REBALANCE_TIMEOUT_S",
        "broker_rebalance_timeout_s",
        60.0,
        float,
        "seconds the group waits for its members at a rebalance",
        1,
        3_600,
    ),
    Setting(
        "SLATESTREAM_TRANSACTION_TIMEOUT_S",
        "transaction_timeout_s",
        60.0,
        float,
        "seconds after which brokers abort the flush of a worker that is gone",
        10,
        900,
    ),
)


def check_worker_name(name: str) -> None:
    """Make sure that a group can know a member by this name.

    Raises
    ------
    SettingsError
        If it cannot.
    """
    if not _NAME.fullmatch(name):
        msg = (
            "SLATESTREAM_WORKER_NAME: expected at most 200 letters, digits, `.`, `_` or `-`, found "
            f"{name!r}; it names the member of the group"
        )
        raise SettingsError(msg)
