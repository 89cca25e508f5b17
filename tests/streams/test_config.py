"""Settings: each is checked at start, and what is wrong is one sentence that says what to do."""

from __future__ import annotations

import dataclasses
import socket
from pathlib import Path

import pytest

from streams.config import (
    MAX_SEGMENT_FIELDS,
    Settings,
    SettingsError,
    check_http_port,
    load_settings,
    make_data_dir,
    worker_name,
)
from streams.settings import SETTINGS
from tests.secured import certificates
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
            {"SLATESTREAM_COUNTS_RETENTION_S": "3600"},
            "expected SLATESTREAM_COUNTS_RETENTION_S to be 0, or at least the conversion window "
            "and the attribution window together (608400), found 3600: ",
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


SECRETS = [each.name for each in SETTINGS if each.secret]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_come_from_a_file(name: str, tmp_path: Path) -> None:
    """As Kubernetes and compose mount it; the line feed that editors add is not part of it."""
    (tmp_path / "secret").write_text(" s3cret\n")
    field = next(each.field for each in SETTINGS if each.name == name)
    # the public token wants one beside it
    beside = {"SLATESTREAM_HTTP_TOKEN": "t0ken"} if name.endswith("PUBLIC_TOKEN") else {}
    found = load_settings({name + "_FILE": str(tmp_path / "secret"), name: "", **beside})
    assert getattr(found, field) == "s3cret"
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secrets_file_that_cannot_be_used_is_named_without_its_content(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("s3cret")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff")
    file = name + "_FILE"
    for environ, said in (
        (
            {name: "s3cret", file: str(tmp_path / "secret")},
            f"expected {name} or {file}, found both; unset one of them",
        ),
        ({file: str(tmp_path / "missing")}, "found No such file or directory; name one"),
        ({file: str(tmp_path)}, "found Is a directory; name one"),
        ({file: str(tmp_path / "empty")}, "found nothing in it; name one"),
        ({file: str(tmp_path / "bytes")}, "found none that is UTF-8; name one"),
    ):
        with pytest.raises(SettingsError) as refused:
            load_settings(environ)
        assert file in str(refused.value)
        assert said in str(refused.value)
        assert "s3cret" not in str(refused.value)


def test_only_secrets_have_a_form_with_a_file() -> None:
    with pytest.raises(SettingsError, match="unknown setting SLATESTREAM_GROUP_FILE"):
        load_settings({"SLATESTREAM_GROUP_FILE": "x"})


def test_clients_get_security_only_where_it_is_asked_for(tmp_path: Path) -> None:
    certificates(tmp_path, "an authority")
    ca = str(tmp_path / "ca.pem")
    limits = {  # of brokers that answer nothing
        "socket.timeout.ms": 10_000,
        "socket.connection.setup.timeout.ms": 10_000,
        "reconnect.backoff.max.ms": 2_000,
    }
    assert load_settings({"KAFKA_BOOTSTRAP_SERVERS": "a:1,b:2"}).kafka_client() == {
        "bootstrap.servers": "a:1,b:2",
        "security.protocol": "PLAINTEXT",
        "group.id": "slatestream",
        "log_level": 2,
        **limits,
    }
    environ = {
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_SASL_USERNAME": "me",
        "KAFKA_SASL_PASSWORD": "p",
        "KAFKA_SSL_CAFILE": ca,
    }
    assert load_settings(environ).kafka_client() == {
        "bootstrap.servers": "localhost:9092",
        "security.protocol": "SASL_SSL",
        "group.id": "slatestream",
        "log_level": 2,
        **limits,
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "me",
        "sasl.password": "p",
        "ssl.ca.location": ca,
    }


@pytest.mark.parametrize("name", ["two words", "a/b", "x" * 201])
def test_a_worker_name_that_no_group_takes_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="SLATESTREAM_WORKER_NAME: expected at most 200"):
        load_settings({"SLATESTREAM_WORKER_NAME": name})


def test_certificate_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    certificates(tmp_path, "an authority")
    certificates(tmp_path / "other", "another authority")
    (tmp_path / "notes.txt").write_text("no PEM\n")
    good = {
        "KAFKA_SECURITY_PROTOCOL": "SSL",
        "KAFKA_SSL_CAFILE": str(tmp_path / "ca.pem"),
        "KAFKA_SSL_CERTFILE": str(tmp_path / "client.pem"),
        "KAFKA_SSL_KEYFILE": str(tmp_path / "client.key"),
    }
    assert load_settings(good).kafka_client()["ssl.key.location"] == good["KAFKA_SSL_KEYFILE"]
    for name, wrong, said in (
        ("KAFKA_SSL_CAFILE", "missing.pem", "No such file or directory"),
        ("KAFKA_SSL_CAFILE", "notes.txt", "none that can be used"),
        ("KAFKA_SSL_CERTFILE", "notes.txt", "none that can be used"),
        ("KAFKA_SSL_KEYFILE", "other/client.key", "none that can be used"),
        ("KAFKA_SSL_KEYFILE", "missing.key", "No such file or directory"),
    ):
        path = str(tmp_path / wrong)
        with pytest.raises(SettingsError) as refused:
            load_settings(good | {name: path}).kafka_client()
        assert all(part in str(refused.value) for part in (name, "expected", path, said))
    with pytest.raises(SettingsError, match="found one of them; set the other too"):
        load_settings(good | {"KAFKA_SSL_KEYFILE": ""}).kafka_client()


def test_a_data_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file in its place")
    with pytest.raises(SettingsError) as refused:
        make_data_dir(settings(tmp_path))
    assert str(refused.value).startswith("SLATESTREAM_DATA_DIR: expected a directory that can be")
    assert str(tmp_path / "data") in str(refused.value)


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError) as refused:
            check_http_port(port, "SLATESTREAM_HTTP_PORT")
        assert f"SLATESTREAM_HTTP_PORT: expected a port that is free, found {port}" in str(
            refused.value
        )
    check_http_port(port, "SLATESTREAM_HTTP_PORT")


def test_a_workers_name_is_the_configured_one_or_the_same_after_a_restart(tmp_path: Path) -> None:
    assert worker_name(settings(tmp_path, SLATESTREAM_WORKER_NAME="w-3")) == "w-3"
    made = worker_name(settings(tmp_path))
    assert len(made) == 32
    assert worker_name(settings(tmp_path)) == made
    assert worker_name(settings(tmp_path / "other")) != made
