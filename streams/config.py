"""Settings: environment variables, read once, checked at start. The table
is `streams.settings`.

Names that start with `SLATESTREAM_` and are not in the table are an error, so that a misspelt name
cannot pass for a default. A secret may come from a file that `NAME_FILE` names (a mounted Secret).
"""

import dataclasses
import difflib
import functools
import os
import pathlib
import socket
import ssl
import tempfile
import uuid
from collections.abc import Mapping
from typing import Any

from streams.certificates import context_of
from streams.group_settings import ANSWER_LIMITS, check_worker_name
from streams.kafka_settings import OAUTH
from streams.setting import SettingsError as SettingsError
from streams.setting import known_names, read
from streams.settings import SETTINGS
from streams.tokens import TokenSource, check_oauth

PREFIX = "SLATESTREAM_"
# with values of 512 characters a segment fits a row key's 65,535 bytes
MAX_SEGMENT_FIELDS, MAX_FIELD_LENGTH = 16, 128


@dataclasses.dataclass(frozen=True)
class Settings:
    """Every setting, checked. Made by `load_settings`; secrets are left out of its text form."""

    bootstrap_servers: str
    security_protocol: str
    sasl_mechanism: str
    sasl_username: str
    sasl_password: str = dataclasses.field(repr=False)
    ssl_cafile: str
    ssl_certfile: str
    ssl_keyfile: str
    ssl_key_passphrase: str = dataclasses.field(repr=False)
    sasl_oauth_token_url: str
    sasl_oauth_client_id: str
    sasl_oauth_client_secret: str = dataclasses.field(repr=False)
    sasl_oauth_scope: str
    sasl_oauth_provider: str
    group: str
    topic_prefix: str
    topic_partitions: int
    topic_replication: int
    data_dir: pathlib.Path
    worker_name: str
    policy_file: pathlib.Path | None
    releases_dir: pathlib.Path
    segment_fields: tuple[str, ...]
    attribution_window_s: float
    conversion_window_s: float
    max_ahead_s: float
    flush_interval_ms: int
    chunk_records: int
    rows_in_memory: int
    max_segments: int
    max_unknown_items: int
    outcome_retention_s: float
    counts_retention_s: float
    max_event_bytes: int
    recovery_timeout_s: float
    shutdown_timeout_s: float
    broker_session_timeout_s: float
    broker_rebalance_timeout_s: float
    transaction_timeout_s: float
    serving: str
    serving_session_timeout_s: float
    serving_group_protocol: str
    reply_topics: tuple[str, ...]
    segment_slates: int
    log_format: str
    http_host: str
    http_port: int
    worker_http_port: int
    http_token: str = dataclasses.field(repr=False)
    http_public_token: str = dataclasses.field(repr=False)
    http_cors_origins: tuple[str, ...]
    http_max_request_bytes: int
    http_rate_per_s: float
    http_public_rate_per_s: float
    http_proxies: int
    http_drain_s: float
    recent_slates_bytes: int

    def kafka_client(self) -> dict[str, Any]:
        """What every confluent-kafka client of this project starts from: brokers, security, group.

        Raises
        ------
        SettingsError
            For a certificate or a key that cannot be used, and a token that cannot be had.
        """
        config: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
            # consumers outside of the group need one too: `streams.kafka.names.app_id`
            "group.id": f"{self.topic_prefix}{self.group}",
            # critical: what cannot be reached is said by `streams.kafka.outage`, not on stderr
            "log_level": 2,
            **ANSWER_LIMITS,
        }
        if self.security_protocol.startswith("SASL"):
            config["sasl.mechanism"] = self.sasl_mechanism
            if self.sasl_mechanism == OAUTH:
                source = self.token_source()
                source()  # else the client says, after 10 s, that it has none, and not why
                config["oauth_cb"] = source
            else:
                config |= {
                    "sasl.username": self.sasl_username,
                    "sasl.password": self.sasl_password,
                }
        if self.security_protocol.endswith("SSL"):
            self.ssl_context()  # librdkafka says less about a file that it cannot use
            files = {
                "ssl.ca.location": self.ssl_cafile,
                "ssl.certificate.location": self.ssl_certfile,
                "ssl.key.location": self.ssl_keyfile,
                "ssl.key.password": self.ssl_key_passphrase,
            }
            config |= {name: path for name, path in files.items() if path}
        return config

    def token_source(self) -> TokenSource:
        """Where the clients get their tokens, with SASL OAUTHBEARER."""
        return _token_source(
            self.sasl_oauth_token_url,
            self.sasl_oauth_client_id,
            self.sasl_oauth_client_secret,
            self.sasl_oauth_scope,
            self.sasl_oauth_provider,
        )

    def ssl_context(self) -> ssl.SSLContext:
        """The certificates and the key, as Python's clients take them.

        Raises
        ------
        SettingsError
            For a file that is not there, is no PEM, or a key that does not fit its certificate.
        """
        return context_of(
            self.ssl_cafile, self.ssl_certfile, self.ssl_keyfile, self.ssl_key_passphrase
        )


@functools.cache
def _token_source(*arguments: str) -> TokenSource:
    """One for all clients of the process: they share its tokens."""
    return TokenSource(*arguments)


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read and check every setting.

    Raises
    ------
    SettingsError
        For an unknown `SLATESTREAM_` name, a value of the wrong type or out of range, a secret's
        file that cannot be used, and settings that contradict each other.
    """
    known = known_names(SETTINGS)
    for name in environ:
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = (
                f"did you mean {near[0]}?"
                if near
                else f"known are {', '.join(sorted(n for n in known if n.startswith(PREFIX)))}"
            )
            msg = f"unknown setting {name}: {hint}"
            raise SettingsError(msg)
    values = {setting.field: read(setting, environ) for setting in SETTINGS}
    settings = Settings(**values)
    if settings.security_protocol.startswith("SASL"):
        _check_login(settings)
    check_worker_name(settings.worker_name)
    if settings.conversion_window_s < settings.attribution_window_s:
        msg = (
            f"expected SLATESTREAM_CONVERSION_WINDOW_S ({settings.conversion_window_s:g}) to be "
            "at least "
            f"SLATESTREAM_ATTRIBUTION_WINDOW_S ({settings.attribution_window_s:g}): a conversion "
            "follows its click"
        )
        raise SettingsError(msg)
    least_s = settings.conversion_window_s + settings.attribution_window_s
    if 0 < settings.counts_retention_s < least_s:
        msg = (
            "expected SLATESTREAM_COUNTS_RETENTION_S to be 0, or at least the conversion window "
            f"and the attribution window together ({least_s:g}), found "
            f"{settings.counts_retention_s:g}: feedback would come for what is counted no more"
        )
        raise SettingsError(msg)
    if settings.http_public_token and settings.http_token in ("", settings.http_public_token):
        found = "the same" if settings.http_token else "none"
        msg = (
            "SLATESTREAM_HTTP_PUBLIC_TOKEN: expected another SLATESTREAM_HTTP_TOKEN beside it, "
            f"found {found}; the public one is for everybody's eyes"
        )
        raise SettingsError(msg)
    if len(settings.segment_fields) > MAX_SEGMENT_FIELDS or any(
        len(name) > MAX_FIELD_LENGTH for name in settings.segment_fields
    ):
        msg = (
            f"SLATESTREAM_SEGMENT_FIELDS: expected at most {MAX_SEGMENT_FIELDS} names of up to "
            f"{MAX_FIELD_LENGTH} characters, "
            f"found {len(settings.segment_fields)}; a segment is part of every row's key"
        )
        raise SettingsError(msg)
    return settings


def _check_login(settings: Settings) -> None:
    if settings.sasl_mechanism == OAUTH:
        check_oauth(
            settings.sasl_oauth_token_url,
            settings.sasl_oauth_client_id,
            settings.sasl_oauth_client_secret,
            settings.sasl_oauth_provider,
        )
    elif not (settings.sasl_username and settings.sasl_password):
        msg = (
            f"KAFKA_SECURITY_PROTOCOL={settings.security_protocol} needs KAFKA_SASL_USERNAME and "
            "KAFKA_SASL_PASSWORD; set both"
        )
        raise SettingsError(msg)


def make_data_dir(settings: Settings) -> None:
    """Make the data directory, and sure that it can be written.

    Raises
    ------
    SettingsError
        If it cannot.
    """
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.data_dir):
            pass
    except OSError as error:
        msg = (
            f"SLATESTREAM_DATA_DIR: expected a directory that can be written at "
            f"{settings.data_dir}, found {error.strerror}; give this user the directory, or name "
            "another"
        )
        raise SettingsError(msg) from None


def check_http_port(port: int, name: str, host: str = "") -> None:
    """Make sure that nobody listens at the port that a web server is to have; `name` is that of its
    setting.

    Raises
    ------
    SettingsError
        If somebody does, or this user may not.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server itself
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            msg = (
                f"{name}: expected a port that is free, found {port}: "
                f"{error.strerror}; stop what listens there, or set another port"
            )
            raise SettingsError(msg) from None


def worker_name(settings: Settings) -> str:
    """The configured name, or the one made at the first start and kept in the data directory: the
    same after a restart.
    """
    if settings.worker_name:
        return settings.worker_name
    make_data_dir(settings)
    kept = settings.data_dir / "worker-name"
    if not kept.exists():
        aside = kept.with_suffix(".new")
        aside.write_text(uuid.uuid4().hex)
        os.replace(aside, kept)
    return kept.read_text()
