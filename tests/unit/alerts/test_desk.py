"""Promises of the desk: only rules that work are saved, and what is tried changes nothing."""

from datetime import datetime, timedelta

import pytest

from alerts.compiled import Place
from alerts.desk import RuleDesk
from model.errors import BadRequestError, ConflictError, NotFoundError
from model.instants import moment
from model.rule import Rule
from model.rule_text import rule_from
from tests.fakes.alert_store import AlertStore
from tests.fakes.rulebook import RuleBook
from tests.unit.alerts.city import DAY, HOUR, LAMP, PERIOD, START, TYPE, Reading, member

TITLE = {"en": "Hot", "fr": "Chaude"}


class Scene:
    """A desk over two lamps, one of which is hot for six hours."""

    def __init__(self) -> None:
        self.now = moment(START + 10 * DAY)
        self.store = AlertStore([member(1), member(2)])
        self.book = RuleBook()
        self.desk = RuleDesk(
            book=self.book,
            store=self.store,
            types=lambda: {LAMP.name: LAMP},
            channels=lambda: ["team"],
            clock=self.clock,
            place=Place(),
        )
        hot = {5, 6}
        rows: list[Reading] = [
            (device, START + step * PERIOD, {"heat": 70.0 if device == 1 and step in hot else 20.0})
            for device in (1, 2)
            for step in range(16)
        ]
        self.store.add(TYPE, rows)

    def clock(self) -> datetime:
        """Return the time that the scene says."""
        return self.now


def hot(name: str = "hot", **more: object) -> Rule:
    """Return a rule about hot lamps."""
    when = {"field": "heat", "above": 60, **more}
    return rule_from(name, {"title": TITLE, "scope": {"type": TYPE}, "when": when})


async def test_a_rule_that_works_is_saved_with_who_and_when() -> None:
    """It is there from then on, and the record says who did it."""
    scene = Scene()

    saved = await scene.desk.save(hot(), who="anna", origin="console")

    assert await scene.desk.all() == [saved]
    assert await scene.desk.rule("hot") == saved
    assert (saved.origin, saved.changed_by, saved.changed_at) == ("console", "anna", scene.now)
    assert [(one.who, one.what, one.target) for one in await scene.desk.audit("hot")] == [("anna", "rule.added", "hot")]


async def test_a_rule_that_cannot_work_is_refused_whole() -> None:
    """Every problem is told at once, and nothing is stored."""
    scene = Scene()

    with pytest.raises(BadRequestError) as caught:
        await scene.desk.save(hot(clear=70, repeat=0), who="anna", origin="console")

    assert str(caught.value) == (
        "when.repeat: 0 readings are none; write 1 or more, or leave it out; "
        "when.clear: 70 lies above the limit; write 60 or less: it ends below it"
    )
    assert await scene.desk.all() == []


async def test_two_who_change_a_rule_do_not_undo_each_other() -> None:
    """Who changes an old version is told to read it again."""
    scene = Scene()
    first = await scene.desk.save(hot(), who="anna", origin="console")
    await scene.desk.save(hot(clear=50), who="ben", origin="console", version=first.version)

    with pytest.raises(ConflictError, match="changed meanwhile"):
        await scene.desk.save(hot(clear=40), who="anna", origin="console", version=first.version)


async def test_a_rule_that_stopped_working_can_be_switched_off_and_removed() -> None:
    """Its field is gone: it can go, but not come on again."""
    scene = Scene()
    await scene.book.put(hot("old", field="gone"), who="", origin="file", at=scene.now)

    off = await scene.desk.switch("old", "anna", on=False)
    with pytest.raises(BadRequestError, match="'gone' is no field"):
        await scene.desk.switch("old", "anna", on=True)
    await scene.desk.remove("old", "anna")

    assert (off.rule.enabled, off.origin) == (False, "file")
    assert await scene.desk.all() == []


async def test_whoever_switches_a_rule_is_written_down() -> None:
    """Who, which way, once each; who saw another version is refused, and what stands so already changes nothing."""
    scene = Scene()
    seen = await scene.desk.save(hot("lamps/hot"), who="anna", origin="console")

    await scene.desk.switch("lamps/hot", "jean", on=False, version=seen.version)
    await scene.desk.switch("lamps/hot", "jean", on=False)
    with pytest.raises(ConflictError, match="was changed meanwhile"):
        await scene.desk.switch("lamps/hot", "loig", on=True, version=seen.version)
    await scene.desk.switch("lamps/hot", "loig", on=True)

    assert [(one.who, one.what) for one in await scene.desk.audit("lamps/hot")] == [
        ("loig", "rule.switched_on"),
        ("jean", "rule.switched_off"),
        ("anna", "rule.added"),
    ]


async def test_a_rule_of_a_device_file_comes_back_when_its_change_is_removed() -> None:
    """Switching it off saves one in its place; removing that one shows the device file's again."""
    scene = Scene()
    await scene.book.take([hot("lamp/hot")], scene.now)

    off = await scene.desk.switch("lamp/hot", "anna", on=False)
    await scene.desk.remove("lamp/hot", "anna")
    [again] = await scene.desk.all()

    assert (off.origin, off.rule.enabled) == ("console", False)
    assert (again.origin, again.rule.enabled) == ("device", True)


async def test_a_name_that_is_none_tells_the_nearest() -> None:
    """So that a slip of the finger costs one look."""
    scene = Scene()
    await scene.desk.save(hot("lamps/hot"), who="anna", origin="console")

    with pytest.raises(NotFoundError, match=r"there is no rule 'lamp/hot'; did you mean lamps/hot\?"):
        await scene.desk.remove("lamp/hot", "anna")


async def test_a_rule_is_tried_on_the_past_and_changes_nothing() -> None:
    """What it would have raised, with its progress; no rule and no alarm is stored."""
    scene = Scene()
    shares: list[float] = []

    found = await scene.desk.test(hot(), moment(START), scene.now, shares.append)

    assert (found.alarms, found.open, found.raised_s) == (1, 0, 2 * PERIOD / 1e6)
    assert [one.subject for one in found.found] == ["lamp-1"]
    assert shares[-1] == 1.0
    assert await scene.desk.all() == []
    assert scene.store.alarms == {}


async def test_what_cannot_be_tried_says_so() -> None:
    """No time at all, a rule that cannot work, and gateways, whose past is not kept."""
    scene = Scene()
    start = moment(START)
    gateway = rule_from("gateway", {"title": TITLE, "when": {"kind": "silence", "of": "gateway"}})

    for rule, end, said in (
        (hot(), start, "does not lie behind the start"),
        (hot(clear=70), scene.now, "when.clear: 70 lies above"),
        (gateway, scene.now, "when: a gateway cannot be tried"),
    ):
        with pytest.raises(BadRequestError, match=said):
            await scene.desk.test(rule, start, end)


async def test_the_future_is_not_tried() -> None:
    """A trial until tomorrow ends now: nobody is silent in a time that has not been."""
    scene = Scene()
    silent = rule_from("silent", {"title": TITLE, "when": {"kind": "silence", "after": "12 h"}})
    scene.now = moment(START + 16 * PERIOD + HOUR)

    found = await scene.desk.test(silent, moment(START), scene.now + timedelta(days=30))

    assert (found.end, found.alarms) == (scene.now, 0)


async def test_a_device_that_was_just_registered_is_known_seconds_later() -> None:
    """Many rules are checked against the same devices; a new one counts soon."""
    scene = Scene()
    new = rule_from("new", {"title": TITLE, "scope": {"device": "lamp-3"}, "when": {"field": "heat", "above": 60}})

    before = await scene.desk.problems(new)
    scene.store.member_list.append(member(3))
    scene.now += timedelta(seconds=3)
    after = await scene.desk.problems(new)

    assert before == ["scope.device[0]: there is no device 'lamp-3'; did you mean lamp-2 or lamp-1?"]
    assert after == []
