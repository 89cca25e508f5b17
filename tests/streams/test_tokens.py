"""Tokens: from an endpoint or a function, kept and shared, and never a secret in an error."""

from __future__ import annotations

import pickle
import time
from pathlib import Path

import pytest

from streams.config import SettingsError, load_settings
from streams.tokens import TokenError, TokenSource, find_provider
from tests.token_endpoint import TokenEndpoint

LOGIN = {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM": "OAUTHBEARER"}


def provided() -> tuple[str, float]:
    return "a-token", time.time() + 60


def expired() -> tuple[str, float]:
    return "a-token", 1000.0


def failing() -> tuple[str, float]:
    raise RuntimeError("the-password is wrong")


def test_a_token_is_shared_until_four_fifths_of_its_time_are_over() -> None:
    with TokenEndpoint(seconds=1.0) as endpoint:
        source = TokenSource(endpoint.url, "me", "me-secret", "kafka", "")
        first, expires_s = source()
        assert (source("config"), len(endpoint.given)) == ((first, expires_s), 1)
        assert 0 < expires_s - time.time() <= 1.0
        time.sleep(0.85)
        assert source()[0] == endpoint.given[1]


def test_another_process_asks_for_its_own() -> None:
    with TokenEndpoint() as endpoint:
        source = TokenSource(endpoint.url, "me", "me-secret", "", "")
        source()
        held = pickle.dumps(source)
        assert endpoint.given[0].encode() not in held
        assert pickle.loads(held)()[0] == endpoint.given[1]


def test_what_goes_wrong_is_said_without_the_secret() -> None:
    with TokenEndpoint() as endpoint:
        wrong = TokenSource(endpoint.url, "me", "open-sesame", "", "")
        for source, said in (
            (wrong, "KAFKA_SASL_OAUTH_TOKEN_URL: HTTP status 401"),
            (TokenSource("http://127.0.0.1:1/", "me", "open-sesame", "", ""), "refused"),
            (TokenSource("", "", "", "", f"{__name__}:failing"), "gave no token: RuntimeError"),
            (TokenSource("", "", "", "", f"{__name__}:expired"), "found one that has expired"),
        ):
            with pytest.raises(TokenError, match=said) as found:
                source()
            assert "sesame" not in str(found.value)
            assert "the-password" not in str(found.value)
            assert found.value.__cause__ is None
        assert "sesame" not in repr(wrong)


def test_a_function_of_the_users_gives_tokens_by_entry_point_or_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the signer of MSK IAM is plugged in: four lines and an entry point."""
    folder = tmp_path / "shop_tokens-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: shop-tokens\nVersion: 1\n")
    (folder / "entry_points.txt").write_text(
        f"[slatestream.token_providers]\nshop = {__name__}:provided\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("shop", f"{__name__}:provided"):
        found = load_settings({**LOGIN, "KAFKA_SASL_OAUTH_PROVIDER": name})
        config = found.kafka_client()
        assert "sasl.password" not in config
        assert config["oauth_cb"]("")[0] == "a-token"
        assert found.kafka_client()["oauth_cb"] is config["oauth_cb"]
    with pytest.raises(SettingsError, match=r"\(shop\), found 'shopp'; install it"):
        find_provider("shopp")
    with pytest.raises(SettingsError, match=r"found 'no.such:thing' \(No module named"):
        load_settings({**LOGIN, "KAFKA_SASL_OAUTH_PROVIDER": "no.such:thing"})


def test_oauthbearer_needs_an_endpoint_or_a_function() -> None:
    with pytest.raises(SettingsError, match="set all three, or KAFKA_SASL_OAUTH_PROVIDER"):
        load_settings({**LOGIN, "KAFKA_SASL_OAUTH_CLIENT_ID": "me"})
    three = {
        "KAFKA_SASL_OAUTH_TOKEN_URL": "file:///etc/passwd",
        "KAFKA_SASL_OAUTH_CLIENT_ID": "me",
        "KAFKA_SASL_OAUTH_CLIENT_SECRET": "open-sesame",
    }
    with pytest.raises(SettingsError, match="begins with https://") as found:
        load_settings(LOGIN | three)
    assert "sesame" not in str(found.value)
    settings = load_settings(LOGIN | three | {"KAFKA_SASL_OAUTH_TOKEN_URL": "https://x"})
    assert "sesame" not in repr(settings)
