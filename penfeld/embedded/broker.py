"""The embedded broker: amqtt in a child process, on 127.0.0.1, for trials and demonstrations.

Rules:

1. It lets everybody in, and listens to this machine only.
2. It keeps MQTT's promise for QoS 1: what a persistent session has not acknowledged is sent again when it comes back,
   however long that takes. amqtt by itself forgets a message after five seconds or a broken line, and sends a backlog
   all at once; so ``_PatientHandler`` has its own window, queue and redelivery.
3. It keeps messages in memory: a broker that must survive a power cut is Mosquitto or another, by ``[broker] url``.
"""

import asyncio
import contextlib
import logging
import signal
import sys
from collections import deque

from amqtt.broker import Broker
from amqtt.mqtt.constants import QOS_1
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import OutgoingApplicationMessage, Session

from penfeld import journal
from penfeld.embedded.launch import HOST

WINDOW = 2000
"""Messages sent to one session and not yet acknowledged."""

_WAITING = "penfeld.waiting"


class LetIn(BaseAuthPlugin):  # type: ignore[misc]  # amqtt ships no types
    """Lets everybody in, without the mark of anonymity that would cost a client its persistent session."""

    async def authenticate(self, *, session: Session) -> bool:  # noqa: ARG002 -- amqtt's signature
        """Return yes."""
        return True


class _PatientHandler(BrokerProtocolHandler):  # type: ignore[misc]  # amqtt ships no types
    """One connection. Unacknowledged messages stay in the session; the rest waits there until the window opens."""

    _pumping = False

    async def mqtt_publish(
        self,
        topic: str,
        data: bytes,
        qos: int | None,
        retain: bool,  # noqa: FBT001 -- amqtt's signature
        ack_timeout: int | None = None,
    ) -> OutgoingApplicationMessage:
        """Send a message, or let it wait; QoS 1 returns before it is acknowledged, for it cannot be lost any more."""
        if qos != QOS_1 or self.session is None:
            return await super().mqtt_publish(topic, data, qos, retain, ack_timeout)
        message = OutgoingApplicationMessage(None, topic, qos, data, retain)
        self._waiting(self.session).append(message)
        await self._pump()
        return message

    async def handle_puback(self, puback: object) -> None:
        """Forget what the client has; send what waits."""
        header = getattr(puback, "variable_header", None)
        if header is not None and self.session is not None:
            self.session.inflight_out.pop(header.packet_id, None)
            await self._pump()

    async def _retry_deliveries(self) -> None:
        """Send again what the session has not acknowledged; amqtt calls this when a client is back."""
        if self.session is None:
            return
        for message in tuple(self.session.inflight_out.values()):
            await self._send_packet(message.build_publish_packet(dup=True))
        await self._pump()

    async def _pump(self) -> None:
        if self._pumping:
            return
        self._pumping = True
        try:
            while (session := self.session) is not None and self.writer is not None:
                waiting = self._waiting(session)
                if not waiting or len(session.inflight_out) >= WINDOW:
                    return
                message = waiting.popleft()
                message.packet_id = session.next_packet_id
                session.inflight_out[message.packet_id] = message
                await self._send_packet(message.build_publish_packet())
        finally:
            self._pumping = False

    @staticmethod
    def _waiting(session: Session) -> deque[OutgoingApplicationMessage]:
        waiting: deque[OutgoingApplicationMessage] = session.attributes.setdefault(_WAITING, deque())
        return waiting


class PatientBroker(Broker):  # type: ignore[misc]  # amqtt ships no types
    """amqtt with ``_PatientHandler`` for every connection."""

    async def _initialize_client_session(self, *connection: object) -> tuple[BrokerProtocolHandler, Session]:
        _, session = await super()._initialize_client_session(*connection)
        return _PatientHandler(self.plugins_manager), session

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        """Send what is retained under a filter to who subscribed to it; amqtt would send it to all who connect."""
        if any(
            subscriber.client_id == session.client_id for subscriber, _ in self._subscriptions.get(subscription[0], ())
        ):
            await super()._publish_retained_messages_for_subscription(subscription, session)

    async def _topic_filtering(self, *_: object, **__: object) -> bool:
        """Allow every topic; amqtt would ask its plugins for every message and every subscriber."""
        return True


async def serve(port: int) -> None:
    """Run the broker until SIGTERM or SIGINT."""
    configuration = {
        "listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{port}"}},
        "plugins": {f"{__name__}.LetIn" if __name__ != "__main__" else "penfeld.embedded.broker.LetIn": {}},
    }
    broker = PatientBroker(configuration)
    await broker.start()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(broker.shutdown(), 3)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line of amqtt is worth reading; that somebody only looked whether the port is open is not."""
    return not record.getMessage().startswith(("No data from", "Failed to initialize client session: No data"))


if __name__ == "__main__":
    journal.start()
    logging.getLogger("amqtt.broker").addFilter(_is_news)
    asyncio.run(serve(int(sys.argv[1])))
