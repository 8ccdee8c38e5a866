"""Client quotas of a cluster, asked and set by Kafka's own requests (KIP-546); librdkafka has no call for them.

A request that the driver does not have is declared here. Only quotas of one user are set. Others (of a client id, of an
address) are never made here and never touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import DescribeClientQuotasRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Float64, Int16, Int32, Schema, String

from refbus.bus.address import BrokerAddress
from refbus.bus.driver import ssl_context
from refbus.bus.port import EVERYBODY, QuotaChange
from refbus.errors import Code, TransportError

_PATIENCE_S: Final = 10.0
_USER: Final = "user"
_WITH_A_NAME_OR_DEFAULT: Final = 2
_TEXT: Final = String("utf-8")
_ENTITY: Final = ("entity", Array(("entity_type", _TEXT), ("entity_name", _TEXT)))


class _AlterResponse(Response):  # type: ignore[misc]
    API_KEY = 49
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32), ("entries", Array(("error_code", Int16), ("error_message", _TEXT), _ENTITY))
    )


class _AlterStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 49
    API_VERSION = 0
    RESPONSE_TYPE = _AlterResponse
    SCHEMA = Schema(
        ("entries", Array(_ENTITY, ("ops", Array(("key", _TEXT), ("value", Float64), ("remove", Boolean))))),
        ("validate_only", Boolean),
    )


class _Alter(Request[_AlterStruct]):  # type: ignore[misc]
    API_KEY = 49

    def __init__(self, entries: Sequence[Any]) -> None:
        self._entries = entries

    def build(self, request_struct_class: type[_AlterStruct]) -> _AlterStruct:
        """Return the request in the one version that there is."""
        return request_struct_class(self._entries, False)


def read_quotas(address: BrokerAddress) -> dict[str, dict[str, float]]:
    """Return the quotas of each user; EVERYBODY is who has none of their own. Raises TransportError."""
    question = DescribeClientQuotasRequest([(_USER, _WITH_A_NAME_OR_DEFAULT, None)], strict=True)
    answer = _asked(address, question)
    if answer.error_code:
        raise _refused(answer.error_code)
    return {entity[0][1] or EVERYBODY: dict(values) for entity, values in answer.entries}


def write_quotas(address: BrokerAddress, changes: Sequence[QuotaChange]) -> None:
    """Give each principal exactly the quotas that it is to have. Raises TransportError."""
    entries = [([(_USER, None if each.user == EVERYBODY else each.user)], _operations(each)) for each in changes]
    for code, *_ in _asked(address, _Alter(entries)).entries if entries else ():
        if code:
            raise _refused(code)


def _operations(change: QuotaChange) -> list[tuple[str, float, bool]]:
    sets = [(key, value, False) for key, value in change.wants.items()]
    return sets + [(key, 0.0, True) for key in change.has if key not in change.wants]


def _refused(code: int) -> TransportError:
    return TransportError(Code.BROKER_REFUSED, for_code(code).__name__)


def _asked(address: BrokerAddress, question: Request[Any]) -> Any:
    """Return a broker's answer. Raises TransportError BROKER_UNREACHABLE, SetupError for unusable files."""
    address.check()
    try:
        return asyncio.run(asyncio.wait_for(_ask(address, question), _PATIENCE_S))
    except (KafkaError, OSError, TimeoutError) as error:
        raise TransportError(Code.BROKER_UNREACHABLE, type(error).__name__) from None


async def _ask(address: BrokerAddress, question: Request[Any]) -> Any:
    tls: Mapping[str, Any] = {}
    if address.tls is not None:
        tls = {"security_protocol": "SSL", "ssl_context": ssl_context(address.tls)}
    client = AIOKafkaClient(bootstrap_servers=address.bootstrap, client_id="refbus-admin", **tls)
    try:
        await client.bootstrap()
        return await client.send(client.get_random_node(), question)
    finally:
        with suppress(KafkaError, OSError):
            await client.close()
            await asyncio.sleep(0)  # its transports are closed by a turn of the loop
