"""Channels: read from the settings, checked all at once, built and shown without a secret."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from alerts.texts import Facts
from model.device import Device, DeviceType, Field, Kind, Text
from model.errors import ConfigError
from model.notification import Due, Notification
from model.quiet import Quiet
from penfeld.channels import ChannelList, channels_of, lookup_of
from penfeld.config import Config, load
from tests.fakes.memory import Memory
from tests.fakes.registry import Registry
from tests.unit.alerts.post import HOT, NIGHT, Clock, alarm_of
from tests.unit.penfeld.test_config import problems, written

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""Apprise imports it where there is one."""
SECRET = "whsec_aHVzaGh1c2hodXNoaHVzaGh1c2hodXNoaHVzaCEhISE="  # noqa: S105 of this test
GOOD = f"""
[broker]
url = "mqtt://broker.city.example"
[mail]
host = "mail.city.example"
user = "penfeld"
password = "hush-mail"
sender = "Penfeld <alerts@city.example>"
[[channel]]
name = "night"
kind = "mail"
to = ["night@city.example", "Duty <duty@city.example>"]
language = "both"
group_wait = "2 min"
quiet = {{ from = "22:00", to = "07:00", except = "warning" }}
give_up_after = "12 h"
[[channel]]
name = "incidents"
kind = "webhook"
url = "https://user:hush-user@incidents.example:8443/hush-path?token=hush-query"
secret = "{SECRET}"
[[channel]]
name = "bus"
kind = "mqtt"
[[channel]]
name = "other-bus"
kind = "mqtt"
topic = "city/alarms"
url = "mqtts://penfeld:hush-broker@other.example"
[[channel]]
name = "chat"
kind = "apprise"
url = "json://hush-apprise@chat.example/hush-room"
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return settings with a channel of each kind."""
    return load(written(tmp_path, GOOD), {})


def test_a_channel_of_each_kind_is_built(config: Config) -> None:
    """With what the settings say of it, or the defaults."""
    channels = channels_of(config)

    night, bus = channels["night"], channels["bus"]
    assert list(channels) == ["night", "incidents", "bus", "other-bus", "chat"]
    assert (night.kind, night.language, night.group_wait) == ("mail", "both", timedelta(minutes=2))
    assert (night.quiet, night.give_up_after) == (Quiet(time(22), time(7), "warning"), timedelta(hours=12))
    assert (bus.language, bus.group_wait, bus.quiet) == ("fr", timedelta(seconds=10), None)
    assert bus.give_up_after == timedelta(days=3)


def test_people_see_channels_without_secrets(config: Config) -> None:
    """In order of their names: whom they reach, and why one fails; no password, token or path."""
    shown = ChannelList(config, lambda: {"night": "the mail server does not answer"}).channels()

    assert [(one.name, one.target, one.trouble) for one in shown] == [
        ("bus", "penfeld/v1/notifications/bus on Penfeld's broker", ""),
        ("chat", "json", ""),
        ("incidents", "https://incidents.example:8443", ""),
        ("night", "night@city.example, Duty <duty@city.example>", "the mail server does not answer"),
        ("other-bus", "city/alarms on mqtts://penfeld@other.example:8883", ""),
    ]


def test_no_secret_is_in_a_repr(config: Config) -> None:
    """Neither settings nor channels show what opens a door."""
    assert "hush" not in repr(config) + repr(channels_of(config))
    assert SECRET not in repr(config) + repr(channels_of(config))


def test_channels_can_come_from_the_environment(tmp_path: Path) -> None:
    """All of them at once, as a list; the mail password by itself."""
    text = '[{name = "duty", kind = "mail", to = ["a@b.example"], sender = "c@b.example"}]'
    environ = {"PENFELD_CHANNEL": text, "PENFELD_MAIL_HOST": "mail.b.example", "PENFELD_MAIL_PASSWORD": "hush"}

    found = load(written(tmp_path, ""), environ)

    assert [one.name for one in found.channels] == ["duty"]
    assert (found.mail.host, found.mail.password, found.notes) == ("mail.b.example", "hush", ())


def test_every_problem_of_channels_is_told_with_its_line(tmp_path: Path) -> None:
    """In whichever of several channels it is; no secret is repeated."""
    file = written(
        tmp_path,
        """[mail]
tls = "ssl"
[[channel]]
name = "duty"
kind = "mail"
to = ["duty at city"]
[[channel]]
name = "hook"
kind = "webhook"
url = "hush.example/hook"
secret = "hush"
topic = "x"
[[channel]]
name = "hook"
kind = "mqtt"
topic = "city/#"
quite = "yes"
[[channel]]
name = "a b"
kind = "pigeon"
[[channel]]
kind = "apprise"
""",
    )

    found = problems(file)

    assert "hush" not in "".join(found)
    for start, words in [
        (":2:", '[mail] tls must be "starttls" or "tls" or "none"'),
        (":6:", "to must be addresses as ops@city.example"),
        (":5:", 'duty: a channel of kind mail needs a mail server: [mail] host = "mail.city.example"'),
        (":5:", "duty: a channel of kind mail needs a sender, here or in [mail]"),
        (":10:", "hook: url must be an address as https://host.example/path"),
        (":11:", "hook: secret must be whsec_ and 24 to 64 random bytes in base64"),
        (":12:", "hook: topic is no key of a channel of kind webhook; it takes url, secret"),
        (":16:", "topic must be a topic without + and #"),
        (":17:", "quite is no setting of [channel]; did you mean quiet?"),
        (":19:", "name may hold letters, digits, _ . -"),
        (":20:", 'kind must be "mail" or "webhook" or "mqtt" or "apprise"'),
        (":21:", "[[channel]] number 5 lacks name"),
    ]:
        assert any(one.startswith(f"{file}{start}") and words in one for one in found), (start, words, found)
    assert "two [[channel]] are called 'hook'" in found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('channel = "x"', "channels are written as [[channel]] tables"),
        ('[[channel]]\nname = "a"\nkind = "webhook"\nurl = "https://h.example"', "needs secret"),
        ('[[channel]]\nname = "a"\nkind = "mqtt"\nurl = "tcp://hush"', "must look like mqtt://"),
        ('[[channel]]\nname = "a"\nkind = "apprise"\nurl = "hush"', "service://"),
        ('[[channel]]\nname = "a"\nkind = "mqtt"\ngroup_wait = "soon"', '"30 s", "10 min"'),
        ('[[channel]]\nname = "a"\nkind = "mqtt"\nquiet = { from = "22:00" }', "quiet must be a table"),
        ('[[channel]]\nname = "a"\nkind = "mqtt"\ngive_up_after = "0 s"', "must be longer than nothing"),
        ('[mail]\nhost = "a b"', "must be a name or an address"),
        ('[mail]\nhost = "h"\nuser = "u"\npassword = "hush"\ntls = "none"', "sent in the open"),
        ('[mail]\nsender = "x@y\\r\\nBcc: z@y"', "must be addresses"),
        ('[[channel]]\nname = "a"\nkind = "mail"\nto = []', "names nobody"),
        ('[[channel]]\nname = "a"\nkind = "mail"\nto = "a@b.example"', "a list of texts"),
    ],
)
def test_what_is_wrong_says_what_would_be_right(tmp_path: Path, text: str, words: str) -> None:
    """Each kind of mistake, and nothing of a secret."""
    found = "\n".join(problems(written(tmp_path, text)))

    assert words in found
    assert "hush" not in found


def test_a_service_that_apprise_does_not_know_is_told_with_its_channel(tmp_path: Path) -> None:
    """What only the library can tell is told when channels are built."""
    file = written(tmp_path, '[[channel]]\nname = "chat"\nkind = "apprise"\nurl = "nonsense://hush"\n')

    with pytest.raises(ConfigError, match=r"^\[\[channel\]\] chat: url \(nonsense\)"):
        channels_of(load(file, {}))


HEAT = Field(name="heat_c", kind=Kind.FLOAT, quantity="temperature", unit="Cel", title=Text(en="Heat", fr="Chaleur"))
LAMP = DeviceType(
    name="vendor_lamp",
    title=Text(en="Lamp", fr="Lampe"),
    vendor="vendor",
    model="lamp",
    domain="lighting",
    networks=("lorawan",),
    period=timedelta(hours=1),
    source="",
    fields=(HEAT,),
    version="1",
)


async def test_messages_call_devices_by_their_names() -> None:
    """The name of the register, the field of the device type; a device that is gone keeps its id."""
    memory, clock = Memory(), Clock()
    registry = Registry(memory)
    await registry.register([Device(id="lamp-1", type="vendor_lamp", name="Rue de Siam 12")])
    lookup = lookup_of(registry, {"vendor_lamp": LAMP}.get, clock)

    found = await lookup([_due(1), _due(2)])

    assert found == {1: Facts(name="Rue de Siam 12", field=HEAT), 2: Facts(name="", field=HEAT)}


async def test_a_new_name_is_told_after_a_while() -> None:
    """Names are remembered for ten minutes."""
    memory, clock = Memory(), Clock(datetime(2026, 1, 1, tzinfo=UTC))
    registry = Registry(memory)
    lookup = lookup_of(registry, {"vendor_lamp": LAMP}.get, clock)
    names = []
    for name in ("old", "new", "newest"):
        await registry.register([Device(id="lamp-1", type="vendor_lamp", name=name)])
        names.append((await lookup([_due(1)]))[1].name)
        clock.go(minutes=6)

    assert names == ["old", "old", "newest"]


def _due(number: int) -> Due:
    line = Notification(id=number, channel="duty", kind=None, alarm=number, created_at=NIGHT, due_at=NIGHT)
    return Due(notification=line, alarm=alarm_of(number), rule=HOT)
