"""Fixtures of the integration tests, one file per concern."""

from tests.integration.fix_brokers import amqtt_broker, broker, locked_broker, mosquitto_broker
from tests.integration.fix_database import cluster, database, dsn, empty_dsn, template
from tests.integration.fix_deployed import deployed_broker
from tests.integration.fix_mail import certificate

__all__ = [
    "amqtt_broker",
    "broker",
    "certificate",
    "cluster",
    "database",
    "deployed_broker",
    "dsn",
    "empty_dsn",
    "locked_broker",
    "mosquitto_broker",
    "template",
]
