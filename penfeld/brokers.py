"""Where the broker is: the one of the settings, or the embedded one that runs. Light: no MQTT client is imported."""

import dataclasses

from model.broker import BrokerAddress
from penfeld import runtime
from penfeld.config import Config


def broker_address(config: Config) -> BrokerAddress:
    """Return the broker of the settings, or the embedded one that runs; raise ``ConfigError`` if there is none."""
    settings = config.broker
    return dataclasses.replace(
        BrokerAddress.parse(runtime.broker_url(config), protocol=settings.protocol),
        ca_file=str(settings.ca_file) if settings.ca_file else None,
        cert_file=str(settings.cert_file) if settings.cert_file else None,
        key_file=str(settings.key_file) if settings.key_file else None,
    )
