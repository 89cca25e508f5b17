"""Tokens for SASL OAUTHBEARER: one source for every client of the process.

    provider() -> (token, when it expires, in seconds since the epoch)

The provider is the client-credentials grant of OAuth 2.0 by settings (RFC 6749, section 4.4), or a
function of the user's: an entry point of the group `slatestream.token_providers`, or
`module:function`. A token is kept until four fifths of its time are over, so connections that are
made and refreshed in between share it. librdkafka asks for a new one in time, also for clients that
nobody polls; aiokafka at each new connection. Neither secrets nor tokens reach an error's text.
"""

import base64
import importlib
import importlib.metadata
import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

from streams.setting import SettingsError

Provider = Callable[[], tuple[str, float]]

GROUP = "slatestream.token_providers"
PROVIDER = "KAFKA_SASL_OAUTH_PROVIDER"
TOKEN_URL = "KAFKA_SASL_OAUTH_TOKEN_URL"
TIMEOUT_S = 10.0
KEPT = 0.8  # of a token's time; librdkafka asks again then, too


class TokenError(SettingsError):
    """No token can be had: why, without a secret, and what to do."""


class TokenSource:
    """`oauth_cb` of confluent-kafka, and what Faust's connections ask; any thread may. It goes to
    the process that reads records by pickling, without the token.
    """

    def __init__(self, url: str, client_id: str, secret: str, scope: str, provider: str) -> None:
        self._arguments = url, client_id, secret, scope, provider
        self._lock = threading.Lock()
        self._kept: tuple[str, float] | None = None
        self._fresh_until_s = 0.0

    def __reduce__(self) -> tuple[Any, ...]:
        return TokenSource, self._arguments

    def __call__(self, _config: str = "") -> tuple[str, float]:
        """A token that is good, and when it expires.

        Raises
        ------
        TokenError
            If none can be had.
        """
        with self._lock:
            now_s = time.time()
            if self._kept is None or now_s >= self._fresh_until_s:
                token, expires_s = self._provide()
                self._kept = token, expires_s
                self._fresh_until_s = now_s + KEPT * (expires_s - now_s)
            return self._kept

    def _provide(self) -> tuple[str, float]:
        url, client_id, secret, scope, provider = self._arguments
        if not provider:
            return client_credentials(url, client_id, secret, scope)
        try:
            given = find_provider(provider)()
            token, expires_s = str(given[0]), float(given[1])
        except TokenError:
            raise
        except Exception as error:  # a user's function; what it says may hold what it was given
            found = f"{PROVIDER}={provider} gave no token: {type(error).__name__}"
            msg = f"{found}; call it by hand, and mend it"
            raise TokenError(msg) from None
        if expires_s <= time.time():
            msg = (
                f"{PROVIDER}={provider}: expected a token and when it expires, in seconds since "
                "the epoch, found one that has expired; mend it"
            )
            raise TokenError(msg)
        return token, expires_s


def client_credentials(url: str, client_id: str, secret: str, scope: str) -> tuple[str, float]:
    """Ask a token endpoint (RFC 6749, 4.4; the client authenticates by HTTP Basic, 2.3.1).

    Raises
    ------
    TokenError
        If it cannot be reached, refuses, or answers something else.
    """
    form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
    quoted = ":".join(urllib.parse.quote_plus(each) for each in (client_id, secret))
    basic = base64.b64encode(quoted.encode()).decode()
    request = urllib.request.Request(
        url,
        urllib.parse.urlencode(form).encode(),
        {"Authorization": f"Basic {basic}", "Accept": "application/json"},
    )
    asked_s = time.time()
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            found = json.load(answer)
        return str(found["access_token"]), asked_s + float(found.get("expires_in", 300))
    except urllib.error.HTTPError as error:
        with error:
            reason = f"HTTP status {error.code}"
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        reason = str(getattr(error, "reason", error))
    except (ValueError, KeyError, TypeError, AttributeError):
        reason = "an answer without an access_token"
    msg = (
        f"no token from {TOKEN_URL}: {reason}; set it, KAFKA_SASL_OAUTH_CLIENT_ID and "
        "KAFKA_SASL_OAUTH_CLIENT_SECRET to an endpoint and a client that it knows"
    )
    raise TokenError(msg)


def find_provider(name: str) -> Provider:
    """The function of an entry point, or of `module:function`.

    Raises
    ------
    SettingsError
        If there is none.
    """
    for point in importlib.metadata.entry_points(group=GROUP, name=name):
        loaded: Provider = point.load()
        return loaded
    module, colon, attribute = name.partition(":")
    reason = ""
    if colon:
        try:
            found: Provider = getattr(importlib.import_module(module), attribute)
            return found
        except (ImportError, AttributeError) as error:
            reason = f" ({error})"
    known = sorted(each.name for each in importlib.metadata.entry_points(group=GROUP))
    msg = (
        f"{PROVIDER}: expected `module:function`, or an entry point of {GROUP} "
        f"({', '.join(known) or 'none is installed'}), found {name!r}{reason}; install it, or "
        "name another"
    )
    raise SettingsError(msg)


def check_oauth(url: str, client_id: str, secret: str, provider: str) -> None:
    """Make sure that tokens can be asked for.

    Raises
    ------
    SettingsError
        For a function that is not there, and an endpoint that is not whole.
    """
    if provider:
        find_provider(provider)
        return
    if not (url and client_id and secret):
        msg = (
            f"KAFKA_SASL_MECHANISM=OAUTHBEARER needs {TOKEN_URL}, KAFKA_SASL_OAUTH_CLIENT_ID and "
            f"KAFKA_SASL_OAUTH_CLIENT_SECRET; set all three, or {PROVIDER}"
        )
        raise SettingsError(msg)
    if not url.startswith(("https://", "http://")):
        msg = (
            f"{TOKEN_URL}: expected an address that begins with https://, found another; set the "
            "token endpoint"
        )
        raise SettingsError(msg)
