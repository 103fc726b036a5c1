"""MQTT topic filters, by the rules of the standard."""

import pytest

from ingest.topics import Topics, is_filter, matches


@pytest.mark.parametrize(
    ("topic_filter", "topic"),
    [
        ("a/b", "a/b"),
        ("a/+", "a/b"),
        ("a/+", "a/"),
        ("+/+", "/a"),
        ("a/#", "a"),
        ("a/#", "a/b/c"),
        ("#", "a/b"),
        ("+/b/#", "a/b"),
        ("a.b/+", "a.b/c"),
        ("$share/workers/a/+", "a/b"),
        ("$share/workers/#", "a/b"),
        ("$SYS/#", "$SYS/broker"),
        ("a/+", "a/line\nbreak"),
    ],
)
def test_matches(topic_filter: str, topic: str) -> None:
    """``+`` is one level, ``#`` all that follow and none; a shared subscription is its filter."""
    assert matches(topic_filter, topic)


@pytest.mark.parametrize(
    ("topic_filter", "topic"),
    [
        ("a/b", "a/b/c"),
        ("a/+", "a"),
        ("a/+", "a/b/c"),
        ("+", "/a"),
        ("a/#", "ab"),
        ("a.b", "axb"),
        ("#", "$SYS/broker"),
        ("+/broker", "$SYS/broker"),
        ("$share/workers/#", "$SYS/broker"),
    ],
)
def test_does_not_match(topic_filter: str, topic: str) -> None:
    """Nothing else matches; a wildcard in front leaves the broker's own topics alone."""
    assert not matches(topic_filter, topic)


@pytest.mark.parametrize("text", ["a", "a/+/b", "#", "a/#", "+", "$share/g/a/#"])
def test_filter(text: str) -> None:
    """Wildcards stand for whole levels, ``#`` at the end."""
    assert is_filter(text)


@pytest.mark.parametrize("text", ["", "a/b+", "a#", "#/a", "a/#/b"])
def test_no_filter(text: str) -> None:
    """What a broker would refuse is told before."""
    assert not is_filter(text)


def test_find() -> None:
    """A topic is found under the first name whose filters match."""
    topics = Topics({"lamps": ["a/+/up", "b/#"], "all": ["a/#"]})

    found = [topics.find(topic) for topic in ("a/x/up", "a/x/down", "b", "c")]

    assert found == ["lamps", "all", "lamps", None]


def test_find_in_nothing() -> None:
    """Without filters nothing is found."""
    assert Topics({}).find("") is None
