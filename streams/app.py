"""The Faust app. `faust -A streams.app worker -l info` finds it as `streams.app.app`; importing
this module builds nothing.
"""

import asyncio
import fcntl
import logging
import os
import sys
import threading
from typing import IO, Any

import faust
from confluent_kafka import KafkaException
from faust.types import TP

from bandits.slates.config import ConfigError
from bandits.slates.config_file import load_config
from streams.config import (
    Settings,
    SettingsError,
    check_http_port,
    load_settings,
    make_data_dir,
    worker_name,
)
from streams.kafka.admin import TopicsError
from streams.kafka.client import BrokerUnreachable
from streams.kafka.names import COUNTS_TABLE, SLATES_TABLE, app_id
from streams.kafka.outage import limit_complaints
from streams.kafka.required_rights import RightsError
from streams.kafka.transaction import FatalCommit
from streams.logs import faust_config, log_the_rest
from streams.tokens import TokenError
from streams.worker.agents import add_agents, add_tasks
from streams.worker.assignor import Assignor
from streams.worker.build import build_engine
from streams.worker.credentials import credentials
from streams.worker.ending import before_end, end_process
from streams.worker.engine import Engine
from streams.worker.leaving import leave_group
from streams.worker.recovery import TableManager
from streams.worker.serving_child import ServingChild
from streams.worker.web import add_pages

log = logging.getLogger(__name__)

# A leader that joins right after its broker came back may not see the topics yet and gives nobody
# anything; it looks again so soon.
METADATA_MAX_AGE_MS = 10_000
REQUEST_S = 10.0  # beyond the group's own time
# Faust's default of 4096 would be chunks here; the transport holds back before this
STREAM_BUFFER_CHUNKS = 64
FAILED, WRONG_USAGE = 1, 2  # exit statuses, as of the command line
TABLES = {
    COUNTS_TABLE: "Counts per (segment, item) of each partition.",
    SLATES_TABLE: "The log of slates, by slate_id.",
}


class App(faust.App):
    """Faust's app, and the engine beside it; the transport asks `chunk_flow` what may flow."""

    engine: Engine
    chunk_flow: Engine
    serving: ServingChild | None = None
    _lock: IO[str] | None = None
    _serves: asyncio.Task[None] | None = None

    def member_id(self) -> str:
        """What the group's coordinator calls this worker; empty while it is no member."""
        member = getattr(self.consumer, "member", None)
        return str(member.coordinator.member_id) if member is not None else ""

    async def on_first_start(self) -> None:
        """Before anything of the worker starts: hold the data directory, make sure of the
        changelogs.
        """
        try:
            log_the_rest()
            limit_complaints(self.engine.settings)
            if self.conf.web_enabled:
                check_http_port(self.conf.web_port, "SLATESTREAM_WORKER_HTTP_PORT")
            self._lock = lock_data_dir(self.engine.settings)
            self.engine.start()
        except SettingsError as error:
            end_process(str(error), WRONG_USAGE)
        except (TopicsError, BrokerUnreachable) as error:
            end_process(str(error))
        except KafkaException as error:
            end_process(error.args[0].str())
        if self.serving is not None:
            self._serves = asyncio.ensure_future(self.serving.run())
        await super().on_first_start()

    async def on_stop(self) -> None:
        """At SIGTERM: flush and leave within `SLATESTREAM_SHUTDOWN_TIMEOUT_S`, or end without."""
        limit_s = self.engine.settings.shutdown_timeout_s
        watchdog = threading.Timer(
            limit_s,
            self.engine.end_process,
            [f"not stopped within {limit_s:g} s: what is not flushed is read again"],
        )
        watchdog.daemon = True
        watchdog.start()
        if self.serving is not None:
            await asyncio.gather(super().on_stop(), self.serving.stop())
        else:
            await super().on_stop()


def create_app(settings: Settings) -> App:
    """Build the app from settings. Talks to the brokers to learn the number of partitions; joins no
    group yet.

    Raises
    ------
    SettingsError, ConfigError, TopicsError
        If the settings, the policy file or the topics cannot be used.
    """
    make_data_dir(settings)
    config = load_config(settings.policy_file)
    engine = build_engine(settings, config)
    app = App(
        app_id(settings),
        broker=[f"chunks://{server.strip()}" for server in settings.bootstrap_servers.split(",")],
        broker_credentials=credentials(settings),
        store="slatestream://",
        TableManager=TableManager,
        PartitionAssignor=Assignor,
        datadir=str(settings.data_dir / "faust"),
        topic_partitions=engine.partitions,
        topic_replication_factor=settings.topic_replication,
        topic_disable_leader=True,
        topic_allow_declare=False,  # the engine makes the changelogs, where they are missing
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=worker_name(settings),
        consumer_metadata_max_age_ms=METADATA_MAX_AGE_MS,
        stream_wait_empty=False,
        stream_buffer_maxsize=STREAM_BUFFER_CHUNKS,
        stream_recovery_delay=0.0,
        broker_session_timeout=settings.broker_session_timeout_s,
        broker_heartbeat_interval=settings.broker_session_timeout_s / 10,
        broker_rebalance_timeout=settings.broker_rebalance_timeout_s,
        # a join waits for all members
        broker_request_timeout=REQUEST_S
        + max(settings.broker_rebalance_timeout_s, settings.broker_session_timeout_s),
        web_port=settings.worker_http_port,
        web_tables_enabled=False,
        web_router_enabled=False,
        logging_config=faust_config(settings.log_format),
        worker_redirect_stdouts=False,
    )
    app.engine = app.chunk_flow = engine
    before_end.append(lambda: leave_group(settings, app_id(settings), app.member_id))
    app.serving = ServingChild(worker_name(settings)) if settings.serving == "on" else None
    for table in TABLES:
        app.Table(
            table,
            help=TABLES[table],
            partitions=engine.partitions,
            key_type=bytes,
            value_type=bytes,
            use_partitioner=True,
            extra_topic_configs={
                "min.insync.replicas": str(min(2, max(1, settings.topic_replication - 1)))
            },
        )
    add_agents(app, engine)
    add_tasks(app, engine)
    add_pages(app, engine)
    return app


def lock_data_dir(settings: Settings) -> IO[str]:
    """Hold the data directory for this process: two workers in one would overwrite each other's
    rows.

    Raises
    ------
    SettingsError
        If another process holds it.
    """
    make_data_dir(settings)
    lock = (settings.data_dir / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        msg = (
            f"SLATESTREAM_DATA_DIR={settings.data_dir} is held by another worker; give each worker "
            "a directory of its own"
        )
        raise SettingsError(msg) from None
    return lock


def _main_app() -> App:
    """The app that Faust's command line asks for; what is wrong with the configuration is one line,
    not a traceback.
    """
    try:
        return create_app(load_settings(os.environ))
    except TokenError as error:
        sys.stderr.write(f"slatestream: {error}\n")
        raise SystemExit(FAILED) from None
    except (SettingsError, ConfigError) as error:
        sys.stderr.write(f"slatestream: {error}\n")
        raise SystemExit(WRONG_USAGE) from None
    except (TopicsError, RightsError, BrokerUnreachable, FatalCommit) as error:
        sys.stderr.write(f"slatestream: {error}\n")
        raise SystemExit(FAILED) from None
    except KafkaException as error:
        sys.stderr.write(f"slatestream: {error.args[0].str()}\n")
        raise SystemExit(FAILED) from None


_apps: list[App] = []


def __getattr__(name: str) -> Any:
    if name == "app":
        if not _apps:
            _apps.append(_main_app())
        return _apps[0]
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


__all__ = ["TP", "App", "create_app", "lock_data_dir"]
