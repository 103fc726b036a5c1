"""The application with accounts: a lamp of the city, one that is public, one that is hidden; and somebody of each sort.

``HIDDEN`` is in an experiment for its members. Whatever is its own bears a mark, so that a test can look for it in
any answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from api.app import ApiConfig
from model.access import CITY, EVERYTHING, Permission, Role, Visibility
from model.alarm import Silence
from model.batch import SetAside
from model.device import Device
from model.errors import Reason
from model.rule import rule_of
from model.views import LatestValue, ReadingRow, StateValue
from tests.fakes.access import Access
from tests.fakes.memory import Seen
from tests.unit.api.scene import LAMP, NOW, Scene, alarm_of, rule_of_lamps, scene_of

HIDDEN = "70b3d500000000ff"
OPEN_LAMP = "70b3d50000000011"
MARK = "xyzzy"
"""Stands in all that is of the hidden lamp."""
SECRET, QUAY = f"secret-{MARK}", "quay"
WORDS = "goéland pluvieux 29"
PEOPLE: Mapping[str, Role] = {
    "viewer": Role.VIEWER,
    "experimenter": Role.EXPERIMENTER,
    "member": Role.EXPERIMENTER,
    "operator": Role.OPERATOR,
    "admin": Role.ADMIN,
}
TOKENS: Mapping[str, tuple[str, frozenset[Permission]]] = {
    "narrow": ("operator", frozenset({Permission.DATA})),
    "wide": ("viewer", EVERYTHING),
}
NOBODY, PUBLIC = "nobody", "public"
ASKERS = (NOBODY, PUBLIC, *PEOPLE, *TOKENS)
SEE_HIDDEN = {"member", "operator", "admin", "narrow"}


@dataclass(frozen=True, slots=True)
class AccessScene:
    """The scene, its accounts, and what each asker sends."""

    scene: Scene
    access: Access
    headers: Mapping[str, Mapping[str, str]]


async def access_scene(*, public: bool = True) -> AccessScene:
    """Return a new application with accounts, devices, readings, alarms and rules."""
    access = Access()
    headers: dict[str, Mapping[str, str]] = {NOBODY: {}, PUBLIC: {}}
    for name, role in PEOPLE.items():
        await access.add_user(name, role, WORDS, who="setup", at=NOW)
    await access.set_member(QUAY, "experimenter", Role.EXPERIMENTER, who="setup", at=NOW)
    await access.set_member(SECRET, "member", Role.EXPERIMENTER, who="setup", at=NOW)
    await access.set_visibility(QUAY, Visibility.PUBLIC, who="setup", at=NOW)
    await access.set_visibility(CITY, Visibility.ACCOUNTS, who="setup", at=NOW)
    for name in PEOPLE:
        session = await access.session_for(name, at=NOW, until=NOW + timedelta(hours=1))
        headers[name] = {"Cookie": f"penfeld-session={session}", "Sec-Fetch-Site": "same-origin"}
    for name, (owner, scope) in TOKENS.items():
        secret, _ = await access.new_token(owner, name, scope, who="setup", at=NOW)
        headers[name] = {"Authorization": f"Bearer {secret}"}
    scene = scene_of(ApiConfig(public=public), access=access)
    await _furnish(scene)
    return AccessScene(scene, access, headers)


async def _furnish(scene: Scene) -> None:
    """Put in a hidden lamp and a public one; of each, and of the city's, a reading, an alarm and more."""
    memory = scene.memory
    memory.add(Device(id=OPEN_LAMP, type="lamp", name="Quay", experiment=QUAY, latitude=48.4, longitude=-4.5))
    memory.add(replace(memory.devices[LAMP], latitude=48.3, longitude=-4.4))
    memory.add(
        Device(
            id=HIDDEN,
            type="lamp",
            name=f"Lamp {MARK}",
            experiment=SECRET,
            district=f"District {MARK}",
            latitude=48.123456,
            longitude=-4.123456,
            tags={"owner": MARK},
        )
    )
    rows = memory.rows.setdefault("lamp", {})
    for number, device in enumerate((LAMP, OPEN_LAMP, HIDDEN), 1):
        row = ReadingRow(
            device=device,
            time=NOW - timedelta(minutes=number),
            received_at=NOW,
            values={"power_w": 300.5 + number, "lamp_on": MARK if device == HIDDEN else "on"},
            version="1",
        )
        rows[device, row.time] = row
        values = {name: LatestValue(value=value, time=row.time) for name, value in row.values.items()}
        memory.latest[device] = Seen(NOW, NOW, row.time, row.received_at, (), values)
        about: dict[str, object] = {"first_value": MARK} if device == HIDDEN else {}
        about |= {"device": device, "subject": device, "district": memory.devices[device].district}
        scene.alarms.add(alarm_of(number, **about))
    scene.alarms.add(alarm_of(4, device=None, subject=f"district:District {MARK}", district=f"District {MARK}"))
    for number, subject in enumerate((LAMP, HIDDEN), 1):
        scene.alarms.silence_list[number] = Silence(
            id=number,
            starts_at=NOW - timedelta(hours=1),
            ends_at=NOW + timedelta(hours=1),
            reason=MARK if subject == HIDDEN else "works",
            by="operator",
            subject=subject,
        )
    for rule in (
        rule_of_lamps(),
        rule_of({**_RULE, "name": f"{MARK}/device", "scope": {"device": [HIDDEN]}}),
        rule_of({**_RULE, "name": f"{MARK}/experiment", "scope": {"experiment": [SECRET]}}),
        rule_of({**_RULE, "name": "quay/hot", "scope": {"experiment": [QUAY]}}),
    ):
        await scene.rules.save(rule, who="setup", origin="console")
    memory._set_aside(
        SetAside(
            source="chirpstack",
            reason=Reason.BAD_PAYLOAD,
            detail=MARK,
            topic="application/1",
            message=MARK.encode(),
            received_at=NOW,
            device=HIDDEN,
            device_type="lamp",
        )
    )
    memory.state[HIDDEN] = {"gateway": StateValue(value=MARK, time=NOW, network="chirpstack", event="radio")}


_RULE = {
    "title": {"en": "Hot", "fr": "Chaud"},
    "when": {"kind": "threshold", "field": "power_w", "above": 100.0},
}
