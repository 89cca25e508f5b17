"""StaticMember: what aiokafka's coordinator lacks for static membership (KIP-345).

heartbeat          told when it is answered
FENCED_INSTANCE_ID somebody else has joined under our name: aiokafka's heartbeats do not say the
name, so it would hear UNKNOWN_MEMBER_ID, join again and fence the other
leave              it never leaves by itself, and a worker that ends on purpose must
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from aiokafka.client import ConnectionGroup
from aiokafka.conn import CloseReason
from aiokafka.errors import RequestTimedOutError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest
from aiokafka.protocol.types import Int16, Int32, Schema, String

log = logging.getLogger(__name__)

FENCED_INSTANCE_ID = 82  # Kafka, Errors.java
REBALANCE_IN_PROGRESS = 27  # a heartbeat like any other: it says that there is one


ANSWER_S = 5.0
_PATIENT = (JoinGroupRequest, SyncGroupRequest)  # wait for other members


class HeartbeatResponse_v3(Response):
    """As of version 1."""

    API_KEY = 12
    API_VERSION = 3
    SCHEMA = Schema(("throttle_time_ms", Int32), ("error_code", Int16))


class HeartbeatRequest_v3(RequestStruct):
    """With the name of a static member."""

    API_KEY = 12
    API_VERSION = 3
    RESPONSE_TYPE = HeartbeatResponse_v3
    SCHEMA = Schema(
        ("group", String("utf-8")),
        ("generation_id", Int32),
        ("member_id", String("utf-8")),
        ("group_instance_id", String("utf-8")),
    )


class StaticHeartbeat(Request[HeartbeatRequest_v3]):
    """A heartbeat that says the member's name."""

    API_KEY = 12

    def __init__(self, group: str, generation: int, member: str, name: str) -> None:
        self._fields = group, generation, member, name

    def build(self, request_struct_class: type[HeartbeatRequest_v3]) -> HeartbeatRequest_v3:
        """Fill it in."""
        return request_struct_class(*self._fields)


class StaticMember:
    """Watches one coordinator of aiokafka.

    Parameters
    ----------
    coordinator
        aiokafka's; its `_send_req` is replaced.
    heartbeat
        Called at each answer to a heartbeat.
    fenced
        Called once another member has our name.
    """

    def __init__(
        self, coordinator: Any, heartbeat: Callable[[], None], fenced: Callable[[], None]
    ) -> None:
        self.coordinator = coordinator
        limit_answers(coordinator._client)
        send = coordinator._send_req

        async def send_req(request: Any) -> Any:
            name = coordinator._group_instance_id
            if not isinstance(request, HeartbeatRequest):
                answer = await send(request)
            else:
                if name is not None:
                    request = StaticHeartbeat(
                        coordinator.group_id, coordinator.generation, coordinator.member_id, name
                    )
                answer = await send(request)
                if answer.error_code in (0, REBALANCE_IN_PROGRESS):
                    heartbeat()
            if getattr(answer, "error_code", 0) == FENCED_INSTANCE_ID:
                fenced()
            return answer

        coordinator._send_req = send_req

    def leave_at_stop(self) -> None:
        """Let aiokafka leave the group when it stops, as members without a name do."""
        self.coordinator._group_instance_id = None


def limit_answers(client: Any) -> None:
    """Give up requests of an aiokafka client that get no answer, and their connection: the next one
    finds the broker back, or another one in its place.
    """
    send = client.send

    async def limited(node: Any, request: Any, *, group: Any = ConnectionGroup.DEFAULT) -> Any:
        if isinstance(request, _PATIENT):
            return await send(node, request, group=group)
        try:
            # subtle: `wait_for` of Python 3.11 loses a cancellation that comes with the answer
            # (python/cpython issue 86296), and a heartbeat task that was not cancelled keeps
            # aiokafka from stopping
            async with asyncio.timeout(ANSWER_S):
                return await send(node, request, group=group)
        except TimeoutError:
            connection = client._conns.get((node, group))
            if connection is not None:
                connection.close(reason=CloseReason.CONNECTION_TIMEOUT)
            raise RequestTimedOutError from None

    client.send = limited
