"""Whether anything listens at a broker's address: the question before an MQTT client is worth importing."""

import asyncio

from model.broker import BrokerAddress
from model.errors import UnavailableError

_ANSWER_S = 5.0


async def answers(address: BrokerAddress) -> None:
    """Raise ``UnavailableError`` if nothing listens at a broker's address."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except (OSError, TimeoutError) as error:
        why = getattr(error, "strerror", None) or "no answer"
        remedy = "start it, or correct [broker] url"
        raise UnavailableError(f"broker {address} does not answer ({why}): {remedy}") from error
    writer.close()
