"""`doctor` finds each of these misconfigurations, seeded one by one, and says what to do; on Apache
Kafka with ACLs and a listener of every kind. Settings that contradict each other end it with 2.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

from streams import cli
from tests.secured import SecuredCluster

pytestmark = pytest.mark.kafka
PREFIX = "seeded."
CALL_S = 20.0
PLAIN, USER, PASSWORD = "PLAIN", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"


class Fault(NamedTuple):
    """Settings that are wrong at a door, and what is said of them."""

    door: str  # "": the one without a lock
    wrong: dict[str, str]
    found: str
    remedy: str


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.kafka.client.connect.__defaults__", (5.0,))


@pytest.fixture(scope="module")
def seeded(secured: SecuredCluster) -> Iterator[SecuredCluster]:
    """Topics with a fault in each: deleted items, more partitions of clicks, a user without rights,
    keys that are items, positions from 1.
    """
    environ = {
        "KAFKA_BOOTSTRAP_SERVERS": secured.bootstrap,
        "SLATESTREAM_TOPIC_PREFIX": PREFIX,
        "SLATESTREAM_TOPIC_PARTITIONS": "2",
    }
    assert cli.main(["topics", "create"], environ) == 0
    producer = Producer({"bootstrap.servers": secured.bootstrap, "log_level": 0})
    for number in range(40):
        seen = {"slate_id": f"s{number}", "user_id": f"u{number}", "item_id": f"i{number}"}
        seen |= {"position": 1 + number % 3, "ts": time.time()}
        producer.produce(f"{PREFIX}impressions", json.dumps(seen), f"i{number}")
    assert producer.flush(CALL_S) == 0
    admin: AdminClient = secured.admin()
    grown = admin.create_partitions([NewPartitions(f"{PREFIX}clicks", 3)])
    grown[f"{PREFIX}clicks"].result(CALL_S)
    entry = ConfigEntry("cleanup.policy", "delete", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, f"{PREFIX}items", incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result(CALL_S)
    yield secured


FAULTS = {
    "misspelt setting": Fault("", {"SLATESTREAM_DATADIR": "x"}, "unknown setting", "did you mean"),
    "not a number": Fault("", {"SLATESTREAM_TOPIC_PARTITIONS": "many"}, "expected int", "'many'"),
    "windows": Fault(
        "", {"SLATESTREAM_CONVERSION_WINDOW_S": "60"}, "ATTRIBUTION_WINDOW_S", "at least"
    ),
    "public token alone": Fault(
        "", {"SLATESTREAM_HTTP_PUBLIC_TOKEN": "x"}, "found none", "another SLATESTREAM_HTTP_TOKEN"
    ),
    "no password": Fault(PLAIN, {PASSWORD: ""}, "needs KAFKA_SASL_USERNAME", "set both"),
    "secret's file": Fault(
        PLAIN, {PASSWORD: "", f"{PASSWORD}_FILE": "/none"}, "found No such file", "name one"
    ),
    "no policy file": Fault(
        "", {"SLATESTREAM_POLICY_FILE": "/none.toml"}, "found none", "mend SLATESTREAM_POLICY_FILE"
    ),
    "policy file": Fault(
        "",
        {"SLATESTREAM_POLICY_FILE": "{tmp}/policy.toml"},
        "no_such_key",
        "mend {tmp}/policy.toml",
    ),
    "data directory": Fault(
        "",
        {"SLATESTREAM_DATA_DIR": "{tmp}/policy.toml/data"},
        "cannot be written",
        "give this user",
    ),
    "no broker": Fault("", {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, "refused", "start one"),
    "wrong password": Fault(PLAIN, {PASSWORD: "x"}, "Invalid username or password", f"set {USER}"),
    "mechanism": Fault(
        PLAIN,
        {"KAFKA_SASL_MECHANISM": "SCRAM-SHA-512"},
        "supported mechanisms: PLAIN",
        "set KAFKA_SASL_MECHANISM",
    ),
    "no TLS": Fault(
        "TLS",
        {"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"},
        "speaks TLS",
        "set KAFKA_SECURITY_PROTOCOL=SSL",
    ),
    "authority": Fault(
        "TLS",
        {"KAFKA_SSL_CAFILE": "{cluster}/other/ca.pem"},
        "certificate verify failed",
        "set KAFKA_SSL_CAFILE",
    ),
    "no authority's file": Fault(
        "TLS",
        {"KAFKA_SSL_CAFILE": "/none.pem"},
        "expected a file of PEM",
        "name files of this kind",
    ),
    "certificate without key": Fault(
        "MTLS", {"KAFKA_SSL_KEYFILE": ""}, "found one of them", "set the other too"
    ),
    "passphrase": Fault(
        "MTLS",
        {"KAFKA_SSL_KEYFILE": "{cluster}/locked.key"},
        "opened by KAFKA_SSL_KEY_PASSPHRASE",
        "name files of this kind",
    ),
    "token endpoint": Fault(
        "OAUTH",
        {
            "KAFKA_SASL_OAUTH_TOKEN_URL": "http://127.0.0.1:1/",
            "KAFKA_SASL_OAUTH_CLIENT_ID": "worker",
            "KAFKA_SASL_OAUTH_CLIENT_SECRET": "x",
        },
        "no token from KAFKA_SASL_OAUTH_TOKEN_URL",
        "set it",
    ),
    "topics missing": Fault(
        "", {"SLATESTREAM_TOPIC_PREFIX": "none."}, "found none", "run `slatestream topics create`"
    ),
    "replicas": Fault(
        "", {"SLATESTREAM_TOPIC_REPLICATION": "3"}, "cannot hold 3", "lower SLATESTREAM_TOPIC_REPL"
    ),
    "unequal partitions": Fault("", {}, f"{PREFIX}clicks 3", "add partitions to the smaller"),
    "items deleted": Fault("", {}, "cleanup.policy=compact, found delete", "alter the topic's"),
    "no worker": Fault("", {}, "has no worker", "start one: `slatestream worker`"),
    "keys": Fault("", {}, "not their user_id", "with the user_id as key"),
    "positions": Fault("", {}, "no position 0", "Count positions from 0"),
    "rights": Fault(PLAIN, {USER: "reader", PASSWORD: "reader-secret"}, "rights", "see the"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_doctor_names_the_fault_and_the_remedy(
    seeded: SecuredCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: Fault
) -> None:
    (tmp_path / "policy.toml").write_text("no_such_key = 1\n")
    seeded.forbid_all("reader")
    environ = {"KAFKA_BOOTSTRAP_SERVERS": seeded.bootstrap}
    if fault.door:
        environ = seeded.settings_at(fault.door)
    environ |= {"SLATESTREAM_TOPIC_PREFIX": PREFIX, "SLATESTREAM_TOPIC_PARTITIONS": "2"}
    environ |= {"SLATESTREAM_DATA_DIR": str(tmp_path)}
    places = {"{tmp}": str(tmp_path), "{cluster}": str(seeded.directory)}

    def placed(text: str) -> str:
        for name, place in places.items():
            text = text.replace(name, place)
        return text

    environ |= {name: placed(value) for name, value in fault.wrong.items()}
    status = cli.main(["doctor", "--json"], environ)
    said = capsys.readouterr()
    assert status == (2 if said.err else 1)
    lines = [said.err]
    if not said.err:
        found = map(json.loads, said.out.splitlines())
        lines = [f"{each['found']}; {each['remedy']}" for each in found if each["status"] != "good"]
    assert any(fault.found in line and placed(fault.remedy) in line for line in lines), lines
    assert "-secret" not in said.out + said.err
