"""Clients for programs in Python: ask for slates, say what was seen, clicked and bought.

    from streams.client import Client

    with Client.http("http://localhost:6066", token="...") as shop:
        slate = shop.slate("anna", k=3, segment="shop")
        shop.seen(slate)
        shop.click(slate, slate.items[0])

Three ways with the same calls, each as `Client` and, for asyncio, as `AsyncClient`:

    http     to a serving process; nothing of Kafka is needed
    kafka    to the topics themselves
    local    slates from `segment-slates`, made in this process in microseconds; events to Kafka

An event call returns when Kafka has the event.
"""

from streams.client.client import AsyncClient, Client
from streams.client.errors import ClientError

__all__ = ["AsyncClient", "Client", "ClientError"]
