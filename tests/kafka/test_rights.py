"""The table of ACLs in docs/operations.md suffices, each right of it is needed, and one that is
missing is named with its resource; on Apache Kafka with ACLs, each role as a user of its own.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError as GroupError
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from encoder.corpus.kafka_log import LogError
from encoder.corpus.source import from_topics
from encoder.release.publish import Judged, publish
from encoder.release.shelf import Shelf
from encoder.serving.wire import Thresholds
from streams import cli
from streams.config import Settings, load_settings
from streams.contract.topics import TopicNames
from streams.kafka.admin import partitions_of_sources
from streams.kafka.changelogs import ensure_changelogs
from streams.kafka.client import connect
from streams.kafka.names import app_id, changelog_topics
from streams.kafka.required_rights import Right as Needed
from streams.kafka.required_rights import lacking, serving_rights, worker_rights
from streams.kafka.transaction import FatalCommit, Transactions
from streams.worker.recovery import of_the_group
from tests.encoder.making import catalogue, static_artifact
from tests.secured import SecuredCluster
from tests.streams.topics_on import until
from tests.streams.worker_process import WorkerProcess

pytestmark = pytest.mark.kafka
Right = tuple[str, str, str]  # operation, kind of resource, name
PREFIX = "rights."
OPERATIONS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()


def documented(role: str) -> list[Right]:
    """The rights of a role, from the table."""
    row = re.search(rf"^\| {role} \| [^|]* \| (.*) \|$", OPERATIONS, re.MULTILINE)
    assert row, role
    rights = []
    for part in row[1].split("; "):
        operations, _, resources = part.partition(" on ")
        kind = re.match(r"[a-z ]+(?= `)", resources)
        assert kind, part
        for operation in operations.split(", "):
            for name in re.findall(r"`([^`]+)`", resources):
                rights.append(
                    (
                        re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operation).upper(),
                        kind[0].replace(" ", "_").upper(),
                        PREFIX + name.replace("{group}", "slatestream"),
                    )
                )
    return rights


class Place:
    """The cluster with the topics made, and a role's settings."""

    def __init__(self, secured: SecuredCluster, directory: Path) -> None:
        self.secured, self.directory = secured, directory

    def environ(self, role: str) -> dict[str, str]:
        return self.secured.settings_at("PLAIN", role) | {
            "SLATESTREAM_TOPIC_PREFIX": PREFIX,
            "SLATESTREAM_TOPIC_PARTITIONS": "3",
            "SLATESTREAM_DATA_DIR": str(self.directory / role),
            "SLATESTREAM_RELEASES_DIR": str(self.directory / "releases"),
        }

    def settings(self, role: str) -> Settings:
        return load_settings(self.environ(role))

    def give(self, role: str, rights: list[Right]) -> None:
        self.secured.forbid_all(role)
        self.secured.allow(role, rights)

    def run(self, role: str, *arguments: str) -> int:
        return cli.main(list(arguments), self.environ(role))


@pytest.fixture(scope="module")
def place(secured: SecuredCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(secured, tmp_path_factory.mktemp("rights"))
    environ = made.environ("operator") | {
        "KAFKA_BOOTSTRAP_SERVERS": secured.bootstrap,
        "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
    }
    assert cli.main(["topics", "create"], environ) == 0
    settings = load_settings(environ)
    ensure_changelogs(connect(settings), changelog_topics(settings), 3, settings)
    yield made


def each_is_needed(
    place: Place,
    role: str,
    rights: list[Right],
    complaint: Callable[[], str],
) -> None:
    """`complaint` is empty with all rights; with one less it names that one's resource."""
    place.give(role, rights)
    said = complaint()
    assert not said, said
    for right in rights:
        place.give(role, [other for other in rights if other != right])
        said = complaint()
        assert right[2].rstrip("*") in said, (right, said)
        assert "expected the right" in said or "rights of this role" in said, (right, said)
        assert "secret" not in said


def complaint_of(
    place: Place, role: str, capsys: pytest.CaptureFixture[str], *commands: list[str]
) -> Callable[[], str]:
    """Runs commands one after the other; the first that fails has its line, which is one."""

    def run() -> str:
        for command in commands:
            capsys.readouterr()
            if place.run(role, *command):
                said = capsys.readouterr()
                assert said.err.count("\n") <= 1, said.err
                return said.err + said.out
        return ""

    return run


def test_the_producers_rights(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    events = {
        "items": {"item_id": "a"},
        "impressions": {"slate_id": "s", "user_id": "u", "item_id": "a", "position": 0},
        "clicks": {"slate_id": "s", "user_id": "u", "item_id": "a"},
        "slate-requests": {"request_id": "r", "user_id": "u"},
    }
    commands = []
    for topic, event in events.items():
        file = place.directory / f"{topic}.jsonl"
        file.write_text(json.dumps(event | ({} if topic == "items" else {"ts": time.time()})))
        commands.append(["produce", topic, str(file)])
    run = complaint_of(place, "producer", capsys, *commands)
    each_is_needed(place, "producer", documented("producer"), run)


def test_the_readers_rights(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    run = complaint_of(place, "reader", capsys, ["slates"], ["stats", "export"], ["dead-letters"])
    each_is_needed(place, "reader", documented("reader"), run)


def test_the_operators_rights(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Without Create while all topics are there; Create is for those that are missing."""
    rights = documented("operator")
    place.give("operator", rights)
    assert place.run("operator", "topics", "check") == 0
    lasting = [right for right in rights if right[0] != "CREATE"]
    run = complaint_of(place, "operator", capsys, ["topics", "create"])

    def doctor() -> str:
        said = run()
        if said:
            return said
        capsys.readouterr()
        place.run("operator", "doctor", "--json")
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {"topics", "partitions", "group", "rights", "releases"} <= {
            line["check"] for line in lines
        }
        missing = [line["found"] for line in lines if "rights of this role" in line["found"]]
        return " ".join(missing)

    each_is_needed(place, "operator", lasting, doctor)
    place.give("operator", lasting)
    new = place.environ("operator") | {"SLATESTREAM_TOPIC_PREFIX": f"{PREFIX}new."}
    capsys.readouterr()
    assert cli.main(["topics", "create"], new) == 1
    said = capsys.readouterr().err
    assert f"rights of this role on topic {PREFIX}new." in said
    assert "(Create)" in said


def test_the_callers_rights(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    ask = ["request", "--user", "u", "--timeout", "0.5"]

    def run() -> str:
        """Nobody answers here: no slate is what comes with all rights."""
        capsys.readouterr()
        assert place.run("caller", *ask) == 1
        said = capsys.readouterr().err
        return "" if "found none; is a worker running" in said else said

    each_is_needed(place, "caller", documented("caller"), run)


def published(place: Place, folder: Path) -> str:
    """A release of five items by the encoder's user, in a folder of its own; the version."""
    client, topics = place.settings("encoder").kafka_client(), TopicNames(PREFIX)
    from_topics(client, topics)
    artifact = static_artifact(folder / "model")
    judged = Judged({"ndcg@10": 0.3}, {}, Thresholds(drop={"ndcg@10": 0.1}))
    texts = {str(item["item_id"]): str(item["title"]) for item in catalogue(5)}
    shelf = Shelf(client, topics, folder / "published")
    outcome = publish(artifact, texts, judged, shelf, time.time())
    assert outcome.release is not None
    return outcome.release.version


def test_the_encoders_rights(place: Place, tmp_path: Path) -> None:
    def run() -> str:
        try:
            published(place, tmp_path)
        except (LogError, KafkaException) as error:
            return str(error)
        return ""

    each_is_needed(place, "encoder", documented("encoder"), run)


def before_start(admin: AdminClient, wanted: list[Needed]) -> str:
    """What a process says of its rights before it starts."""
    if missing := lacking(admin, wanted):
        return "".join(f"expected the right {right}" for right in missing)
    try:
        partitions_of_sources(admin, TopicNames(PREFIX))
    except KafkaException as error:
        return str(error.args[0].str())
    return ""


def test_the_workers_rights_are_looked_for_before_it_starts(place: Place) -> None:
    """Topics and group by what the broker says of them, the rest by trying."""
    settings = place.settings("worker")
    name = f"{app_id(settings)}-a-worker"
    rights = documented("worker")

    def run() -> str:
        admin = connect(settings)
        try:
            Transactions(settings.kafka_client(), name).start()
        except FatalCommit as error:
            return str(error)
        return before_start(admin, worker_rights(settings))

    # changelogs are there: Create is not needed
    each_is_needed(place, "worker", [right for right in rights if right[0] != "CREATE"], run)


def test_the_serving_rights_are_looked_for_before_it_starts(place: Place) -> None:
    settings = place.settings("serving")

    def run() -> str:
        return before_start(connect(settings), serving_rights(settings))

    # Describe on the group is for consumers outside of it, later
    rights = [right for right in documented("serving") if right[:2] != ("DESCRIBE", "GROUP")]
    each_is_needed(place, "serving", rights, run)


def test_a_worker_a_producer_and_a_reader_do_their_work_with_their_rights_alone(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So does an encoder, whose release the worker's serving process has from Kafka alone."""
    for role in ("producer", "caller", "reader", "encoder"):
        place.give(role, documented(role))
    release = published(place, tmp_path)
    items = tmp_path / "items.jsonl"
    items.write_text(json.dumps({"item_id": "new", "title": "red shoe"}))
    both = {*documented("worker"), *documented("serving")}
    place.give("worker", sorted(both))
    environ = place.environ("worker")
    worker = WorkerProcess(tmp_path, environ.pop("KAFKA_BOOTSTRAP_SERVERS"), PREFIX, **environ)
    seen = {"user_id": "u", "item_id": "a", "position": 0, "ts": time.time()}
    lines = [json.dumps({"slate_id": f"s{n}"} | seen) for n in range(3)]
    file = tmp_path / "impressions.jsonl"
    file.write_text("\n".join([*lines, '{"slate_id": "bad"}']))
    with worker:
        assert place.run("producer", "produce", "impressions", str(file), "--unchecked") == 0
        assert place.run("producer", "produce", "items", str(items)) == 0
        assert place.run("caller", "request", "--user", "u", "--timeout", "30") == 0
        time.sleep(2)  # a flush
        capsys.readouterr()
        assert place.run("reader", "stats", "export") == 0
        (counts,) = map(json.loads, capsys.readouterr().out.splitlines())
        assert counts["impressions"] >= 3
        page = worker.get("/metrics", worker.worker_port)[1]
        assert 'outcome="rejected",segment=""} 1.0' in page
        embedded = re.compile(r"^slatestream_embedded_items_total [1-9]", re.MULTILINE)
        until(lambda: embedded.search(worker.get("/metrics")[1]) is not None)
        assert (place.directory / "releases" / release).is_dir()
        assert "uthorization" not in worker.log_end()
        assert worker.stop() == 0


def test_a_worker_without_a_right_is_one_line_and_ends(place: Place, tmp_path: Path) -> None:
    """Read on the group is the one that was missed without a word."""
    without = [right for right in documented("worker") if right[1] != "GROUP"]
    place.give("worker", without)
    environ = place.environ("worker")
    worker = WorkerProcess(tmp_path, environ.pop("KAFKA_BOOTSTRAP_SERVERS"), PREFIX, **environ)
    worker.start()
    assert worker.process is not None
    assert worker.process.wait(60) == 1
    said = worker.log.read_text()
    assert "Traceback" not in said
    assert f"expected the rights Read on group {PREFIX}slatestream, found them missing" in said


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (("READ", "TOPIC", f"{PREFIX}impressions"), f"topic {PREFIX}impressions ("),
        (
            ("WRITE", "TOPIC", f"{PREFIX}slatestream-*"),
            f"topic {PREFIX}slatestream-counts-changelog",
        ),
    ],
)
def test_a_right_that_is_taken_from_a_running_worker_is_named_when_it_ends(
    place: Place, tmp_path: Path, lost: Right, said: str
) -> None:
    rights = documented("worker")
    place.give("worker", rights)
    place.give("producer", documented("producer"))
    environ = place.environ("worker") | {"SLATESTREAM_SERVING": "off"}
    worker = WorkerProcess(tmp_path, environ.pop("KAFKA_BOOTSTRAP_SERVERS"), PREFIX, **environ)
    events = [
        {"slate_id": f"{lost}", "user_id": "u", "item_id": f"{n}", "position": n, "ts": time.time()}
        for n in range(3)
    ]
    file = tmp_path / "impressions.jsonl"
    file.write_text("\n".join(map(json.dumps, events)))
    with worker:
        place.secured.forbid("worker", lost)
        assert place.run("producer", "produce", "impressions", str(file)) == 0
        assert worker.process is not None
        assert worker.process.wait(60) == 70
    assert f"rights of this role on {said}" in worker.log.read_text()


def test_a_right_that_the_groups_client_misses_is_named(place: Place) -> None:
    """Faust's consumer says `TopicAuthorizationFailedError()`, and not of which topic."""
    rights = documented("worker")
    place.give("worker", [each for each in rights if each[2] != f"{PREFIX}impressions"])
    failure = GroupError("TopicAuthorizationFailedError()")
    said = of_the_group(failure, place.settings("worker"))
    assert f"rights of this role on topic {PREFIX}impressions (Read), found KafkaError" in said
    place.give("worker", rights)
    assert of_the_group(failure, place.settings("worker")).startswith("state could not be restored")
