"""What the book of rules promises, in memory and on every database. A module that runs them has a fixture ``book``."""

from datetime import timedelta

import msgspec
import pytest

from model.alert_ports import RuleBook
from model.errors import ConflictError, NotFoundError
from model.rule import Rule, rule_of
from tests.unit.storage.batches import NOON

LATER = NOON + timedelta(hours=1)


def rule(name: str, above: float = 60.0, **more: object) -> Rule:
    """Return a rule."""
    when = {"kind": "threshold", "field": "power_w", "above": above}
    return rule_of({"name": name, "title": {"en": name, "fr": name}, "when": when, **more})


async def counting(book: RuleBook) -> list[tuple[str, str, Rule]]:
    """Return the rules that count."""
    return [(one.rule.name, one.origin, one.rule) for one in await book.all()]


class RuleBookPromises:
    """Two layers, of which the saved one counts; every change is known."""

    async def test_a_rule_comes_back_as_it_was_saved(self, book: RuleBook) -> None:
        """With everything it says, who changed it and when."""
        full = rule_of(
            {
                "name": "lamps/full",
                "title": {"en": "Full", "fr": "Plein – été"},
                "when": {
                    "kind": "any",
                    "of": [
                        {"kind": "threshold", "field": "power_w", "above": 1.0, "clear": 0.5, "for": "10 min"},
                        {"kind": "is", "field": "role", "values": ["solar", 7, 1.0, True]},
                        {"kind": "not", "of": {"kind": "silence", "times": 2.5}},
                    ],
                },
                "scope": {"type": ["probe"], "tags": {"a": "b"}},
                "schedule": {"start": "22:00", "end": "05:00", "days": ["mon"]},
                "escalate": [{"after": "1 h", "notify": ["boss"]}],
                "severity": "critical",
            }
        )
        stored = await book.put(full, who="Anne", origin="console", at=NOON)

        assert stored.rule == full
        assert await book.all() == [stored]
        assert (stored.origin, stored.changed_by, stored.changed_at) == ("console", "Anne", NOON)

    async def test_rules_are_in_order_of_their_names(self, book: RuleBook) -> None:
        """Shipped and saved ones together."""
        await book.take([rule("b"), rule("d")], NOON)
        for name in ("c", "a"):
            await book.put(rule(name), who="Anne", origin="file", at=NOON)

        assert [one.rule.name for one in await book.all()] == ["a", "b", "c", "d"]

    async def test_a_saved_rule_takes_the_place_of_the_shipped_one_until_it_is_removed(self, book: RuleBook) -> None:
        """Saved, the person's counts; removed, that of the device file is back."""
        await book.take([rule("hot", 60)], NOON)
        await book.put(rule("hot", 80), who="Anne", origin="console", at=NOON)
        assert await counting(book) == [("hot", "console", rule("hot", 80))]
        await book.remove("hot", who="Anne", at=LATER)
        assert await counting(book) == [("hot", "device", rule("hot", 60))]

    async def test_a_shipped_rule_that_is_removed_stays_off(self, book: RuleBook) -> None:
        """Also when device files bring it again or change it; saving one of that name brings it back."""
        await book.take([rule("hot", 60)], NOON)
        await book.remove("hot", who="Anne", at=NOON)
        assert await book.all() == []
        await book.take([rule("hot", 61)], LATER)
        assert await book.all() == []
        with pytest.raises(NotFoundError, match="hot"):
            await book.remove("hot", who="Anne", at=LATER)
        await book.put(rule("hot", 62), who="Anne", origin="console", at=LATER)
        assert await counting(book) == [("hot", "console", rule("hot", 62))]

    async def test_what_is_not_there_cannot_be_removed(self, book: RuleBook) -> None:
        """The error names it."""
        with pytest.raises(NotFoundError, match="'unheard/of'"):
            await book.remove("unheard/of", who="Anne", at=NOON)

    async def test_device_files_say_all_their_rules(self, book: RuleBook) -> None:
        """What they do not bring any more is gone; told is what changed, and nothing when nothing did."""
        assert await book.take([rule("a"), rule("b")], NOON) == ["a", "b"]
        assert await book.take([rule("b"), rule("a")], LATER) == []
        assert await book.take([rule("b", 70), rule("c")], LATER) == ["a", "b", "c"]
        assert await counting(book) == [("b", "device", rule("b", 70)), ("c", "device", rule("c"))]

    async def test_two_people_do_not_overwrite_each_other(self, book: RuleBook) -> None:
        """Who changes a version that is no longer stored is refused, and so is who changes what is gone."""
        first = await book.put(rule("hot", 60), who="Anne", origin="console", at=NOON)
        second = await book.put(rule("hot", 70), who="Jean", origin="console", at=NOON, version=first.version)
        with pytest.raises(ConflictError, match="hot"):
            await book.put(rule("hot", 80), who="Anne", origin="console", at=NOON, version=first.version)
        assert await book.all() == [second]
        await book.remove("hot", who="Jean", at=NOON)
        with pytest.raises(ConflictError, match="hot"):
            await book.put(rule("hot", 80), who="Anne", origin="console", at=NOON, version=second.version)

    async def test_the_same_words_are_the_same_version(self, book: RuleBook) -> None:
        """Whoever saves them, whenever; other words are another."""
        versions = [
            (await book.put(rule("hot", above), who=who, origin="console", at=NOON)).version
            for who, above in (("Anne", 60), ("Jean", 60), ("Anne", 61), ("Anne", 60))
        ]

        assert versions[0] == versions[1] == versions[3] != versions[2]

    async def test_every_change_is_written_down(self, book: RuleBook) -> None:
        """Who, what, which rule, when; the newest first, so many as are asked for."""
        await book.put(rule("hot", 60), who="Anne", origin="console", at=NOON)
        await book.put(rule("cold", 60), who="Jean", origin="console", at=NOON)
        await book.put(rule("hot", 61), who="Jean", origin="console", at=LATER)
        for enabled in (False, True):
            switched = msgspec.structs.replace(rule("hot", 61), enabled=enabled)
            await book.put(switched, who="Loig", origin="console", at=LATER)
        await book.remove("hot", who="Anne", at=LATER)
        lines = await book.audit("hot")

        assert [(one.who, one.what, one.target, one.at) for one in lines] == [
            ("Anne", "rule.removed", "hot", LATER),
            ("Loig", "rule.switched_on", "hot", LATER),
            ("Loig", "rule.switched_off", "hot", LATER),
            ("Jean", "rule.changed", "hot", LATER),
            ("Anne", "rule.added", "hot", NOON),
        ]
        assert [one.target for one in await book.audit(limit=5)] == [*["hot"] * 4, "cold"]
