"""Leaving a group at once, as a static member.

A static member (KIP-345) that comes back under its name finds its partitions, and nobody else is
disturbed. Its clients never leave by themselves: a member that ends for good would be waited for
until its session is over. So whoever ends on purpose says so here, by the id that the coordinator
gave it.

The request goes over a connection and an event loop of their own: those of the process may be what
does not go on.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import KafkaError
from aiokafka.protocol.group import LeaveGroupRequest

from streams.config import Settings, SettingsError
from streams.kafka_settings import OAUTH
from streams.tokens import TokenError

LEAVE_S = 2.0  # beyond it the session's timeout does the rest


def leave_group(settings: Settings, group: str, member: Callable[[], str]) -> bool:
    """Leave; blocks for `LEAVE_S` at most. `member` gives the member's id, empty for none. Returns
    whether the coordinator was told.
    """
    told: list[bool] = []

    def run() -> None:
        try:
            told.append(asyncio.run(_leave(settings, group, member())))
        except (KafkaError, OSError, TimeoutError, SettingsError, TokenError):
            told.append(False)

    thread = threading.Thread(target=run, name="leave", daemon=True)
    thread.start()
    thread.join(LEAVE_S)
    return told == [True]


async def _leave(settings: Settings, group: str, member: str) -> bool:
    if not member:
        return False
    protocol = settings.security_protocol
    client = AIOKafkaClient(
        bootstrap_servers=settings.bootstrap_servers,
        client_id="slatestream",
        request_timeout_ms=int(LEAVE_S * 1000),
        security_protocol=protocol,
        ssl_context=settings.ssl_context() if protocol.endswith("SSL") else None,
        sasl_mechanism=settings.sasl_mechanism if protocol.startswith("SASL") else "PLAIN",
        sasl_plain_username=settings.sasl_username or None,
        sasl_plain_password=settings.sasl_password or None,
        sasl_oauth_token_provider=_tokens(settings),
    )
    try:
        await client.bootstrap()
        node = await client.coordinator_lookup(CoordinationType.GROUP, group)
        request = LeaveGroupRequest(group, member)
        answer = await client.send(node, request, group=ConnectionGroup.COORDINATION)
        return bool(answer.error_code == 0)
    finally:
        await client.close()


def _tokens(settings: Settings) -> Any:
    if settings.sasl_mechanism != OAUTH or not settings.security_protocol.startswith("SASL"):
        return None
    from streams.worker.credentials import Tokens  # with all of Faust, which serving has no use for

    return Tokens(settings.token_source())
