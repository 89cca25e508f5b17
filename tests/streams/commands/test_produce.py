"""`produce`: files and standard input, keys, withdrawals, and the line that was wrong."""

from __future__ import annotations

import io
import json
import sys
import uuid
from pathlib import Path

import pytest

from streams import cli
from streams.kafka.topic_reader import TopicReader

pytestmark = pytest.mark.local


@pytest.fixture
def env(local_broker: str, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    made = {
        "KAFKA_BOOTSTRAP_SERVERS": local_broker,
        "SLATESTREAM_TOPIC_PREFIX": f"{uuid.uuid4().hex}.",
        "SLATESTREAM_TOPIC_PARTITIONS": "2",
    }
    assert cli.main(["topics", "create"], made) == 0
    capsys.readouterr()
    return made


def records(env: dict[str, str], topic: str) -> list[tuple[bytes | None, bytes | None]]:
    client = {"bootstrap.servers": env["KAFKA_BOOTSTRAP_SERVERS"]}
    with TopicReader(client, env["SLATESTREAM_TOPIC_PREFIX"] + topic) as reader:
        return sorted(
            ((m.key(), m.value()) for m in reader.until_end()),
            key=lambda pair: (pair[0] or b"", pair[1] or b""),
        )


def test_a_file_goes_out_keyed_by_user_with_its_lines_unchanged(
    env: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        json.dumps(
            {"request_id": f"r{n}", "user_id": f"u{n}", "ts": 1_000_000_000 + n, "unknown": "kept"}
        )
        for n in range(5)
    ]
    file = tmp_path / "requests.jsonl"
    file.write_text("\n".join(lines) + "\n\n")
    assert cli.main(["produce", "slate-requests", str(file), "--json"], env) == 0
    assert json.loads(capsys.readouterr().out)["events"] == 5
    assert records(env, "slate-requests") == [
        (f"u{n}".encode(), lines[n].encode()) for n in range(5)
    ]


def test_a_line_that_a_worker_would_refuse_is_named_and_nothing_after_it_is_sent(
    env: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text('{"item_id": "a"}\n{"item_id": 7}\n{"item_id": "c"}\n')
    assert cli.main(["produce", "items", str(file)], env) == 1
    error = capsys.readouterr().err
    assert (
        f"line 2 of {file}: field `item_id`: expected `str`, got `int`, found 7; the 1 events "
        "before it were sent" in error
    )
    assert [key for key, _ in records(env, "items")] == [b"a"]


def test_unchecked_lines_go_as_they_are(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"user_id": "u", broken\n{"user_id": "u"}\n'))
    )
    assert cli.main(["produce", "clicks", "--unchecked"], env) == 0
    assert records(env, "clicks") == [
        (None, b'{"user_id": "u", broken'),
        (b"u", b'{"user_id": "u"}'),
    ]


def test_withdraw_sends_null_for_ids_and_for_items(env: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "gone.jsonl"
    # editors on Windows put a mark in front
    file.write_bytes(b'\xef\xbb\xbfplain\n"quoted"\n{"item_id": "object"}\n')
    assert cli.main(["produce", "items", str(file), "--withdraw"], env) == 0
    assert records(env, "items") == [(b"object", None), (b"plain", None), (b"quoted", None)]


def test_a_missing_file_and_a_missing_topic_are_one_line_each(
    env: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["produce", "items", str(tmp_path / "none")], env) == 1
    assert "expected a file of JSON lines, found none at" in capsys.readouterr().err
    nobody = f"nobody-{env['SLATESTREAM_TOPIC_PREFIX']}"
    assert cli.main(["produce", "items"], {**env, "SLATESTREAM_TOPIC_PREFIX": nobody}) == 1
    assert f"expected the topic {nobody}items, found none" in capsys.readouterr().err
