"""The table of settings: one row per environment variable is all there is to add, with its field in
`streams.config.Settings`.
"""

import pathlib
from typing import Any, NamedTuple

SECURITY_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class Setting(NamedTuple):
    """One environment variable: its name, its field in `Settings`, default, type,
    bounds and help.
    """

    name: str
    field: str
    default: Any
    kind: type
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False


SETTINGS = (
    Setting(
        "KAFKA_BOOTSTRAP_SERVERS",
        "bootstrap_servers",
        "localhost:9092",
        str,
        "brokers, host:port separated by commas",
    ),
    Setting(
        "KAFKA_SECURITY_PROTOCOL",
        "security_protocol",
        "PLAINTEXT",
        str,
        "how to talk to the brokers",
        choices=SECURITY_PROTOCOLS,
    ),
    Setting(
        "KAFKA_SASL_MECHANISM",
        "sasl_mechanism",
        "PLAIN",
        str,
        "how to log in, with SASL_*",
        choices=SASL_MECHANISMS,
    ),
    Setting("KAFKA_SASL_USERNAME", "sasl_username", "", str, "user, with SASL_*"),
    Setting("KAFKA_SASL_PASSWORD", "sasl_password", "", str, "password, with SASL_*", secret=True),
    Setting(
        "KAFKA_SSL_CAFILE",
        "ssl_cafile",
        "",
        str,
        "PEM file of the authority that signed the brokers' certificates",
    ),
    Setting("KAFKA_SSL_CERTFILE", "ssl_certfile", "", str, "PEM file of the client's certificate"),
    Setting("KAFKA_SSL_KEYFILE", "ssl_keyfile", "", str, "PEM file of the client's key"),
    Setting(
        "SLATESTREAM_GROUP",
        "group",
        "slatestream",
        str,
        "consumer group and application id; part of the changelogs' names",
    ),
    Setting(
        "SLATESTREAM_TOPIC_PREFIX", "topic_prefix", "", str, "put in front of every topic's name"
    ),
    Setting(
        "SLATESTREAM_TOPIC_PARTITIONS",
        "topic_partitions",
        12,
        int,
        "partitions of the topics that are created",
        1,
        10_000,
    ),
    Setting(
        "SLATESTREAM_TOPIC_REPLICATION",
        "topic_replication",
        1,
        int,
        "replicas of the topics that are created",
        1,
        100,
    ),
    Setting(
        "SLATESTREAM_DATA_DIR",
        "data_dir",
        "slatestream-data",
        pathlib.Path,
        "state on local disk, one worker each, locked",
    ),
    Setting(
        "SLATESTREAM_WORKER_NAME",
        "worker_name",
        "",
        str,
        "unique per worker, the same after a restart; default: made at first start, kept in the "
        "data directory",
    ),
    Setting(
        "SLATESTREAM_POLICY_FILE",
        "policy_file",
        None,
        pathlib.Path,
        "TOML file: policies, objectives, priors, diversity",
    ),
    Setting(
        "SLATESTREAM_RELEASES_DIR",
        "releases_dir",
        "slatestream-releases",
        pathlib.Path,
        "encoder releases, shared by the workers and the batch side",
    ),
    Setting(
        "SLATESTREAM_SEGMENT_FIELDS",
        "segment_fields",
        (),
        tuple,
        "context fields that make the segment, separated by commas",
    ),
    Setting(
        "SLATESTREAM_ATTRIBUTION_WINDOW_S",
        "attribution_window_s",
        3600.0,
        float,
        "seconds a click may follow its impression",
        1,
        31_536_000,
    ),
    Setting(
        "SLATESTREAM_CONVERSION_WINDOW_S",
        "conversion_window_s",
        604_800.0,
        float,
        "seconds a conversion may follow its impression",
        1,
        31_536_000,
    ),
    Setting(
        "SLATESTREAM_MAX_AHEAD_S",
        "max_ahead_s",
        86_400.0,
        float,
        "seconds an event's time may be ahead of the clock",
        0,
        31_536_000,
    ),
    Setting(
        "SLATESTREAM_FLUSH_INTERVAL_MS",
        "flush_interval_ms",
        500,
        int,
        "milliseconds between flushes; while an old log is read, four times that",
        10,
        60_000,
    ),
    Setting(
        "SLATESTREAM_CHUNK_RECORDS",
        "chunk_records",
        8000,
        int,
        "records handled in one go",
        1,
        100_000,
    ),
    Setting(
        "SLATESTREAM_ROWS_IN_MEMORY",
        "rows_in_memory",
        100_000,
        int,
        "rows of each table kept in memory; the rest is on disk",
        0,
        100_000_000,
    ),
    Setting(
        "SLATESTREAM_MAX_EVENT_BYTES",
        "max_event_bytes",
        1_000_000,
        int,
        "bytes of the largest event that is not a dead letter",
        1_000,
        100_000_000,
    ),
    Setting(
        "SLATESTREAM_RECOVERY_TIMEOUT_S",
        "recovery_timeout_s",
        120.0,
        float,
        "seconds without progress after which recovery ends the process",
        1,
        86_400,
    ),
    Setting(
        "SLATESTREAM_SHUTDOWN_TIMEOUT_S",
        "shutdown_timeout_s",
        30.0,
        float,
        "seconds a worker may take to flush and leave at SIGTERM",
        1,
        3_600,
    ),
    Setting(
        "SLATESTREAM_BROKER_SESSION_TIMEOUT_S",
        "broker_session_timeout_s",
        30.0,
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
        "SLATESTREAM_SERVING",
        "serving",
        "on",
        str,
        "whether a worker starts a serving process beside it",
        choices=("on", "off"),
    ),
    Setting(
        "SLATESTREAM_SERVING_SESSION_TIMEOUT_S",
        "serving_session_timeout_s",
        6.0,
        float,
        "seconds without heartbeat until a serving process is given up",
        6,
        3_600,
    ),
    Setting(
        "SLATESTREAM_SERVING_GROUP_PROTOCOL",
        "serving_group_protocol",
        "classic",
        str,
        "consumer group protocol of serving: `consumer` needs Kafka 4.0",
        choices=("classic", "consumer"),
    ),
    Setting(
        "SLATESTREAM_REPLY_TOPICS",
        "reply_topics",
        (),
        tuple,
        "patterns of topics that reply headers may name, separated by commas; none as shipped",
    ),
    Setting(
        "SLATESTREAM_SEGMENT_SLATES",
        "segment_slates",
        16,
        int,
        "draws per segment on `segment-slates`; 0: off",
        0,
        1_000,
    ),
    Setting(
        "SLATESTREAM_HTTP_HOST",
        "http_host",
        "127.0.0.1",
        str,
        "address that the serving process listens on",
    ),
    Setting(
        "SLATESTREAM_HTTP_PORT",
        "http_port",
        6066,
        int,
        "port of the serving process",
        1,
        65_535,
    ),
    Setting(
        "SLATESTREAM_WORKER_HTTP_PORT",
        "worker_http_port",
        6067,
        int,
        "port of the worker's /healthz, /readyz and /metrics",
        1,
        65_535,
    ),
    Setting(
        "SLATESTREAM_HTTP_TOKEN",
        "http_token",
        "",
        str,
        "bearer token that /v1 and / ask for",
        secret=True,
    ),
)
