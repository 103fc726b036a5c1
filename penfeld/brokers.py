"""Where the broker is, and whether anything listens there. Light: no MQTT client is imported."""

import asyncio
import dataclasses

from model.broker import BrokerAddress
from model.errors import UnavailableError
from penfeld import runtime
from penfeld.config import Config

_ANSWER_S = 5.0


def broker_address(config: Config) -> BrokerAddress:
    """Return the broker of the settings, or the embedded one that runs; raise ``ConfigError`` if there is none."""
    settings = config.broker
    return dataclasses.replace(
        BrokerAddress.parse(runtime.broker_url(config), protocol=settings.protocol),
        ca_file=str(settings.ca_file) if settings.ca_file else None,
        cert_file=str(settings.cert_file) if settings.cert_file else None,
        key_file=str(settings.key_file) if settings.key_file else None,
    )


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
