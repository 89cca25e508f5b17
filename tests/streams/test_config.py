"""Settings: each is checked at start, and what is wrong is one sentence that says what to do."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from streams.config import MAX_SEGMENT_FIELDS, Settings, SettingsError, load_settings, worker_name
from streams.settings import SETTINGS
from tests.streams.making import settings


def test_every_field_has_a_setting_and_every_setting_a_field() -> None:
    assert sorted(each.field for each in SETTINGS) == sorted(
        field.name for field in dataclasses.fields(Settings)
    )
    assert len({each.name for each in SETTINGS}) == len(SETTINGS)


def test_without_an_environment_all_defaults_are_valid() -> None:
    found = load_settings({"HOME": "/root", "SLATESTREAM_GROUP": ""})
    assert (found.bootstrap_servers, found.group, found.attribution_window_s) == (
        "localhost:9092",
        "slatestream",
        3600.0,
    )


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (
            {"SLATESTREAM_DATADIR": "x"},
            "unknown setting SLATESTREAM_DATADIR: did you mean SLATESTREAM_DATA_DIR?",
        ),
        (
            {"SLATESTREAM_ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ": "x"},
            "unknown setting SLATESTREAM_ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ: known are SLATESTREAM_",
        ),
        (
            {"SLATESTREAM_CHUNK_RECORDS": "many"},
            "SLATESTREAM_CHUNK_RECORDS: expected int (records handled in one go), found 'many'",
        ),
        ({"SLATESTREAM_CHUNK_RECORDS": "0"}, "SLATESTREAM_CHUNK_RECORDS: expected 1 to 100000"),
        (
            {"SLATESTREAM_ATTRIBUTION_WINDOW_S": "nan"},
            "SLATESTREAM_ATTRIBUTION_WINDOW_S: expected 1 to",
        ),
        (
            {"KAFKA_SECURITY_PROTOCOL": "TLS"},
            "KAFKA_SECURITY_PROTOCOL: expected one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL, "
            "found",
        ),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"},
            "KAFKA_SECURITY_PROTOCOL=SASL_SSL needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
        ),
        (
            {"SLATESTREAM_ATTRIBUTION_WINDOW_S": "100", "SLATESTREAM_CONVERSION_WINDOW_S": "99"},
            "expected SLATESTREAM_CONVERSION_WINDOW_S (99) to be at least "
            "SLATESTREAM_ATTRIBUTION_WINDOW_S (100)",
        ),
        (
            {
                "SLATESTREAM_SEGMENT_FIELDS": ",".join(
                    f"f{number}" for number in range(MAX_SEGMENT_FIELDS + 1)
                )
            },
            "SLATESTREAM_SEGMENT_FIELDS: expected at most 16 names of up to 128 characters, "
            "found 17",
        ),
        (
            {"SLATESTREAM_SEGMENT_FIELDS": "x" * 129},
            "SLATESTREAM_SEGMENT_FIELDS: expected at most 16 names of up to 128 characters",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_remedy(environ: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(environ)
    assert str(refused.value).startswith(said)


def test_lists_are_separated_by_commas_and_blanks_do_not_matter() -> None:
    assert load_settings({"SLATESTREAM_SEGMENT_FIELDS": " age, gender ,,"}).segment_fields == (
        "age",
        "gender",
    )


def test_secrets_do_not_show_in_the_text_of_settings() -> None:
    environ = {
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_USERNAME": "me",
        "KAFKA_SASL_PASSWORD": "s3cret",
        "SLATESTREAM_HTTP_TOKEN": "t0ken",
    }
    text = repr(load_settings(environ))
    assert "s3cret" not in text
    assert "t0ken" not in text


def test_clients_get_security_only_where_it_is_asked_for() -> None:
    assert load_settings({"KAFKA_BOOTSTRAP_SERVERS": "a:1,b:2"}).kafka_client() == {
        "bootstrap.servers": "a:1,b:2",
        "security.protocol": "PLAINTEXT",
    }
    environ = {
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_SASL_USERNAME": "me",
        "KAFKA_SASL_PASSWORD": "p",
        "KAFKA_SSL_CAFILE": "/ca.pem",
    }
    assert load_settings(environ).kafka_client() == {
        "bootstrap.servers": "localhost:9092",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "me",
        "sasl.password": "p",
        "ssl.ca.location": "/ca.pem",
    }


def test_a_workers_name_is_the_configured_one_or_the_same_after_a_restart(tmp_path: Path) -> None:
    assert worker_name(settings(tmp_path, SLATESTREAM_WORKER_NAME="w-3")) == "w-3"
    made = worker_name(settings(tmp_path))
    assert len(made) == 32
    assert worker_name(settings(tmp_path)) == made
    assert worker_name(settings(tmp_path / "other")) != made
