"""Credentials: how Faust's own connections log in, as librdkafka's do."""

import asyncio
from typing import Any

import faust
from aiokafka.abc import AbstractTokenProvider

from streams.config import Settings
from streams.kafka_settings import OAUTH
from streams.tokens import TokenSource


class Tokens(AbstractTokenProvider):
    """The process's token source for aiokafka, which asks at each new connection: when a token has
    expired the broker ends the connection (`connections.max.reauth.ms`), and the next one has a new
    token.
    """

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    async def token(self) -> str:
        """A token that is good; asked for beside the event loop."""
        token, _expires_s = await asyncio.to_thread(self._source)
        return token


def credentials(settings: Settings) -> Any:
    """Faust's credentials of the settings; None without any."""
    protocol = settings.security_protocol
    context = settings.ssl_context() if protocol.endswith("SSL") else None
    if protocol.startswith("SASL"):
        if settings.sasl_mechanism == OAUTH:
            return faust.OAuthCredentials(
                oauth_cb=Tokens(settings.token_source()), ssl_context=context
            )
        return faust.SASLCredentials(
            username=settings.sasl_username,
            password=settings.sasl_password,
            mechanism=settings.sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context is not None else None
