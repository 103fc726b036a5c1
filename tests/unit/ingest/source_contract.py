"""What every ``FrameSource`` promises: the fake in the unit tests, MQTT on both brokers in the integration tests."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from model.ports import FrameSource
from model.uplink import Message


class Door(Protocol):
    """A source with what is on its other side."""

    source: FrameSource

    async def publish(self, topic: str, payload: bytes) -> None:
        """Put a message into what the source reads from."""

    async def reconnect(self) -> None:
        """Break the line and make it again; ``source`` may be another one then, of the same worker."""

    async def close(self) -> None:
        """Close the source."""


TOPIC = "penfeld/v1/probe/board-7/up"


async def take(source: FrameSource, count: int) -> list[Message]:
    """Return so many messages, from as many batches as they come in."""
    messages: list[Message] = []
    batches = source.batches()
    async with asyncio.timeout(20):
        while len(messages) < count:
            messages += await anext(batches)
    return messages


def payloads(messages: Sequence[Message]) -> list[bytes]:
    """Return what the messages say."""
    return [message.payload for message in messages]


class SourceContract:
    """The promises; a subclass gives the fixture ``door``."""

    async def test_arrives(self, door: Door) -> None:
        """What is published arrives untouched and in order, with a time of arrival that has a zone."""
        sent = [b"", b"\0\xff", b"x" * 100_000, *(b"%d" % i for i in range(20))]
        for payload in sent:
            await door.publish(TOPIC, payload)

        messages = await take(door.source, len(sent))

        assert payloads(messages) == sent
        assert {message.topic for message in messages} == {TOPIC}
        assert all(message.received_at.tzinfo for message in messages)
        assert not any(message.redelivered for message in messages)

    async def test_redelivered_until_acknowledged(self, door: Door) -> None:
        """What is not acknowledged comes again after the line broke, and says so; what is acknowledged does not."""
        for payload in (b"1", b"2", b"3"):
            await door.publish(TOPIC, payload)
        first = await take(door.source, 3)
        await door.reconnect()

        second = await take(door.source, 3)
        await door.source.acknowledge(second)
        await door.reconnect()
        await door.publish(TOPIC, b"4")
        third = await take(door.source, 1)

        assert payloads(first) == payloads(second) == [b"1", b"2", b"3"]
        assert all(message.redelivered for message in second)
        assert payloads(third) == [b"4"]

    async def test_part_acknowledged(self, door: Door) -> None:
        """Of a batch, only what is not acknowledged comes again."""
        for payload in (b"1", b"2", b"3"):
            await door.publish(TOPIC, payload)
        first = await take(door.source, 3)

        await door.source.acknowledge(first[:2])
        await door.reconnect()

        assert payloads(await take(door.source, 1)) == [b"3"]

    async def test_close(self, door: Door) -> None:
        """Batches end when the source is closed."""
        await door.publish(TOPIC, b"1")
        batches = door.source.batches()
        batch = await anext(batches)
        await door.source.acknowledge(batch)

        await door.close()

        async with asyncio.timeout(20):
            assert [one async for one in batches] == []

    async def test_no_trouble(self, door: Door) -> None:
        """A source that works has no trouble to tell."""
        await door.publish(TOPIC, b"1")
        await take(door.source, 1)

        assert door.source.trouble() == ""
