"""Access: what a bearer token allows (RFC 6750), compared in constant time; and which hosts are
this machine.
"""

import enum
import hashlib
import hmac
import ipaddress
import urllib.parse


class Access(enum.IntEnum):
    """From the least to the most."""

    NOTHING = 0
    PUBLIC = 1  # slates, and events of users
    FULL = 2


class Tokens:
    """The tokens of the settings; without any everybody may do everything."""

    def __init__(self, token: str, public_token: str) -> None:
        self._token = _digest(token) if token else None
        self._public = _digest(public_token) if public_token else None

    def access(self, authorization: str, beacon: str | None = None) -> Access:
        """What a request with this `Authorization` header may do, or with this token in its query,
        where a beacon of a page could not bring a header: of the public token that is taken, since
        it is no secret; the other one would stand in logs.
        """
        if self._token is None:
            return Access.FULL
        if beacon is not None and not authorization:
            public = self._public is not None and hmac.compare_digest(_digest(beacon), self._public)
            return Access.PUBLIC if public else Access.NOTHING
        scheme, _, given = authorization.partition(" ")
        # subtle: digests have one length, and both are compared: time tells nothing about either
        found = _digest(given.strip())
        full = hmac.compare_digest(found, self._token)
        public = self._public is not None and hmac.compare_digest(found, self._public)
        if scheme.lower() != "bearer":
            return Access.NOTHING
        return Access.FULL if full else Access.PUBLIC if public else Access.NOTHING


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()


def is_loopback(host: str) -> bool:
    """Whether a host, with or without a port, is this machine and nobody else.

    >>> [is_loopback(host) for host in ("localhost:6066", "127.0.0.1", "[::1]:1", "shop.example")]
    [True, True, True, False]
    """
    try:
        name = urllib.parse.urlsplit(f"//{host}").hostname or host
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return host.partition(":")[0].lower() == "localhost"
