"""The embedded broker keeps the promise of QoS 1, which amqtt by itself does not."""

import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from penfeld.embedded.broker import WINDOW
from tests.integration.fix_brokers import Broker

PATIENCE_S = 30.0


class Reader:
    """A client with a persistent session that acknowledges only when told to."""

    def __init__(self, broker: Broker) -> None:
        self.messages: queue.Queue[paho.MQTTMessage] = queue.Queue()
        self._broker = broker
        self._subscribed: queue.Queue[int] = queue.Queue()
        self._client: paho.Client | None = None

    def connect(self) -> None:
        """Connect under the same name as ever, and subscribe."""
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id="reader", clean_session=False, manual_ack=True)
        client.on_message = lambda _client, _data, message: self.messages.put(message)
        client.on_subscribe = lambda _client, _data, mid, _codes, _properties: self._subscribed.put(mid)
        client.connect(self._broker.address.host, self._broker.address.port)
        client.loop_start()
        client.subscribe("frames/#", 1)
        self._subscribed.get(timeout=PATIENCE_S)
        self._client = client

    def acknowledge(self, message: paho.MQTTMessage) -> None:
        """Tell the broker that a message is safe."""
        assert self._client is not None
        self._client.ack(message.mid, message.qos)

    def leave(self) -> None:
        """Go without a word about what was not acknowledged."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None

    def take(self, count: int) -> list[paho.MQTTMessage]:
        """Return the next messages."""
        return [self.messages.get(timeout=PATIENCE_S) for _ in range(count)]


@contextmanager
def reading(broker: Broker) -> Iterator[Reader]:
    """Connect a reader for as long as the block lasts."""
    reader = Reader(broker)
    reader.connect()
    try:
        yield reader
    finally:
        reader.leave()


def publish(broker: Broker, count: int, text: Callable[[int], str] = str) -> None:
    """Publish messages at QoS 1 and return when the broker has them all."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect(broker.address.host, broker.address.port)
    client.loop_start()
    sent = [client.publish("frames/a", text(number), 1) for number in range(count)]
    for one in sent:
        one.wait_for_publish(PATIENCE_S)
    client.disconnect()
    client.loop_stop()


def payloads(messages: list[paho.MQTTMessage]) -> list[bytes]:
    """Return what the messages say."""
    return [bytes(message.payload) for message in messages]


def test_what_was_not_acknowledged_comes_again(amqtt_broker: Broker) -> None:
    """A reader that leaves without acknowledging gets the same messages when it is back, and only those."""
    with reading(amqtt_broker) as reader:
        publish(amqtt_broker, 10)
        first = reader.take(10)
        for message in first[:4]:
            reader.acknowledge(message)
        publish(amqtt_broker, 1, lambda _: "the acknowledgements are through")
        assert payloads(reader.take(1)) == [b"the acknowledgements are through"]
        reader.leave()

        reader.connect()
        again = reader.take(7)

    assert payloads(again) == [*payloads(first[4:]), b"the acknowledgements are through"]
    assert all(message.dup for message in again)


def test_an_acknowledgement_may_take_longer_than_five_seconds(amqtt_broker: Broker) -> None:
    """A database that is slow costs nothing: amqtt would forget the message after five seconds."""
    with reading(amqtt_broker) as reader:
        publish(amqtt_broker, 1)
        (message,) = reader.take(1)
        time.sleep(6)
        reader.leave()

        reader.connect()
        assert payloads(reader.take(1)) == [message.payload]


def test_messages_wait_for_a_session_that_is_away(amqtt_broker: Broker) -> None:
    """What is published while the reader is away is there when it is back."""
    with reading(amqtt_broker) as reader:
        reader.leave()
        publish(amqtt_broker, 5)

        reader.connect()
        assert payloads(reader.take(5)) == [b"0", b"1", b"2", b"3", b"4"]


def test_what_is_retained_for_others_stays_with_them(amqtt_broker: Broker) -> None:
    """A session that comes back gets no retained message of a topic that somebody else listens to."""
    other = paho.Client(CallbackAPIVersion.VERSION2)
    other.connect(amqtt_broker.address.host, amqtt_broker.address.port)
    other.loop_start()
    heard: queue.Queue[paho.MQTTMessage] = queue.Queue()
    other.on_message = lambda _client, _data, message: heard.put(message)
    other.subscribe("status/#", 1)
    other.publish("status/worker", "well", 1, retain=True)
    assert heard.get(timeout=PATIENCE_S).payload == b"well"
    with reading(amqtt_broker) as reader:
        reader.leave()
        reader.connect()
        publish(amqtt_broker, 1)
        assert payloads(reader.take(1)) == [b"0"]
    other.disconnect()
    other.loop_stop()


def test_a_backlog_comes_in_windows(amqtt_broker: Broker) -> None:
    """More than a window waits in the broker until acknowledgements make room; then all of it comes, in order."""
    with reading(amqtt_broker) as reader:
        publish(amqtt_broker, WINDOW + 100)
        first = reader.take(WINDOW)
        publish(amqtt_broker, 1, lambda _: "last")
        assert reader.messages.empty()

        for message in first:
            reader.acknowledge(message)
        rest = reader.take(101)

    assert payloads([*first, *rest]) == [*(b"%d" % number for number in range(WINDOW + 100)), b"last"]
