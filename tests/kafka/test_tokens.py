"""OAUTHBEARER, SCRAM and a key with a passphrase on Apache Kafka that demands them, with the
documented rights and nothing more; connections outlive their tokens; no secret is told anywhere.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from streams import cli
from streams.config import SettingsError, load_settings
from streams.kafka.client import connect
from tests.kafka.fleet import wait_for
from tests.kafka.test_rights import PREFIX, documented
from tests.secured import PASSPHRASE, SecuredCluster
from tests.streams.worker_process import WorkerProcess
from tests.token_endpoint import TokenEndpoint

pytestmark = pytest.mark.kafka
HTTP_TOKEN = "sesame-of-http"
IDLE_S = 9.0  # two lives of a connection, and of a token nearly two


@pytest.fixture(scope="module")
def endpoint() -> Iterator[TokenEndpoint]:
    with TokenEndpoint() as made:
        yield made


def test_a_wrong_client_secret_and_no_endpoint_are_one_line_each(
    secured: SecuredCluster, endpoint: TokenEndpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    good = secured.settings_at("OAUTH") | endpoint.settings("worker")
    for wrong, found in (
        ({"KAFKA_SASL_OAUTH_CLIENT_SECRET": "open-sesame"}, "HTTP status 401"),
        ({"KAFKA_SASL_OAUTH_TOKEN_URL": "http://127.0.0.1:1/"}, "refused"),
    ):
        assert cli.main(["topics", "check"], good | wrong) == 1
        line = capsys.readouterr().err
        assert line.count("\n") == 1, line
        assert found in line
        assert "no token from KAFKA_SASL_OAUTH_TOKEN_URL: " in line
        assert "set it, KAFKA_SASL_OAUTH_CLIENT_ID and KAFKA_SASL_OAUTH_CLIENT_SECRET" in line
        assert "sesame" not in line
        assert "worker-secret" not in line


def test_scram_opens_its_door(secured: SecuredCluster) -> None:
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
    wanted = UserScramCredentialUpsertion("worker", info, b"worker-secret")
    admin = secured.admin()  # kept until the answer is there
    admin.alter_user_scram_credentials([wanted])["worker"].result(20)
    connect(
        load_settings(secured.settings_at("SCRAM") | {"KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"}),
        20.0,
    )


def test_a_key_with_a_passphrase_opens_the_door_of_certificates(
    secured: SecuredCluster, tmp_path: Path
) -> None:
    file = tmp_path / "passphrase"
    file.write_text(PASSPHRASE + "\n")
    locked = secured.settings_at("MTLS") | {
        "KAFKA_SSL_KEYFILE": str(secured.directory / "locked.key")
    }
    connect(load_settings(locked | {"KAFKA_SSL_KEY_PASSPHRASE_FILE": str(file)}), 20.0)
    for wrong in ("", "sesame"):
        settings = load_settings(locked | {"KAFKA_SSL_KEY_PASSPHRASE": wrong})
        with pytest.raises(SettingsError, match="opened by KAFKA_SSL_KEY_PASSPHRASE") as found:
            settings.kafka_client()
        assert "sesame" not in str(found.value)


def test_a_worker_outlives_its_tokens_and_no_secret_is_told(
    secured: SecuredCluster,
    endpoint: TokenEndpoint,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plain = {
        "KAFKA_BOOTSTRAP_SERVERS": secured.bootstrap,
        "SLATESTREAM_TOPIC_PREFIX": PREFIX,
        "SLATESTREAM_TOPIC_PARTITIONS": "3",
    }
    assert cli.main(["topics", "create"], plain) == 0
    secured.forbid_all("worker")
    secured.allow("worker", {*documented("worker"), *documented("serving")})
    environ = secured.settings_at("OAUTH") | endpoint.settings("worker")
    # tokens and logins that end every few seconds cost the last flush a connection or two
    environ |= {"SLATESTREAM_BROKER_REBALANCE_TIMEOUT_S": "30"}
    environ |= {"SLATESTREAM_HTTP_TOKEN": HTTP_TOKEN}
    worker = WorkerProcess(tmp_path, environ.pop("KAFKA_BOOTSTRAP_SERVERS"), PREFIX, **environ)
    with worker:
        given = len(endpoint.given)
        time.sleep(IDLE_S)
        assert len(endpoint.given) > given
        for port in (worker.port, worker.worker_port):
            wait_for("it to be ready", lambda port=port: worker.get("/readyz", port)[0] == 200)
        event = {"slate_id": "s", "user_id": "u", "item_id": "i", "position": 0, "ts": time.time()}
        file = tmp_path / "impressions.jsonl"
        file.write_text(json.dumps(event))
        assert cli.main(["produce", "impressions", str(file)], plain) == 0
        counted = 'slatestream_events_total{outcome="impression"'
        wait_for("it to count", lambda: counted in worker.get("/metrics", worker.worker_port)[1])
        told = [worker.get("/metrics", port)[1] for port in (worker.port, worker.worker_port)]
        told.append(worker.get("/v1/health")[1])
        assert worker.process is not None
        told.append(subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout)
        capsys.readouterr()
        cli.main(["doctor", "--json"], worker.environ)
        cli.main(["doctor"], worker.environ)
        said = capsys.readouterr()
        assert '"check":"broker","status":"good"' in said.out
        assert worker.stop() == 0
    told += [said.out, said.err, worker.log.read_text()]
    secrets = ["worker-secret", HTTP_TOKEN, *(each.split(".")[1] for each in endpoint.given)]
    assert not [secret[:12] for secret in secrets if any(secret in text for text in told)]
