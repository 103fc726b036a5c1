"""The channels of the settings: their doors for who sends, what is shown of them, what messages are told besides.

``channels_of`` opens no connection: a door connects when it sends.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from alerts.channel import Channel, Door
from alerts.channels.apprise import Apprise, scheme
from alerts.channels.mail import Mail, MailConfig
from alerts.channels.mqtt import Mqtt
from alerts.channels.webhook import Webhook, shown
from alerts.sender import Lookup
from alerts.texts import Facts, field_of
from model.alert_ports import ChannelView
from model.broker import BrokerAddress
from model.device import DeviceType
from model.errors import ConfigError, NotFoundError
from model.notification import Due
from model.ports import Registry
from penfeld.brokers import broker_address
from penfeld.channel_settings import ChannelSettings, MailSettings
from penfeld.config import Config

TOPIC = "penfeld/v1/notifications/"
"""Before a channel's name: the topic of a channel that says none."""

_KNOWN_FOR = timedelta(minutes=10)


def channels_of(config: Config) -> Mapping[str, Channel]:
    """Return name -> channel; raise ``ConfigError`` with every problem (the Apprise library is missing, no broker)."""
    found, problems = {}, []
    for settings in config.channels:
        try:
            door = _door(settings, config)
        except ConfigError as error:
            problems += [f"[[channel]] {settings.name}: {problem}" for problem in error.problems]
            continue
        found[settings.name] = Channel(
            name=settings.name,
            kind=settings.kind,
            target=target(settings),
            door=door,
            language=settings.language,
            group_wait=settings.group_wait.length,
            quiet=settings.quiet,
            give_up_after=settings.give_up_after.length,
        )
    if problems:
        raise ConfigError(problems)
    return found


def target(settings: ChannelSettings) -> str:
    """Return whom a channel reaches, without a secret."""
    if settings.kind == "mail":
        return ", ".join(settings.to)
    if settings.kind == "webhook":
        return shown(settings.url)
    if settings.kind == "apprise":
        return scheme(settings.url)
    broker = str(BrokerAddress.parse(settings.url)) if settings.url else "Penfeld's broker"
    return f"{_topic(settings)} on {broker}"


class ChannelList:
    """``model.alert_ports.Channels`` over the settings. ``troubles``: name -> why its last message did not go."""

    def __init__(self, config: Config, troubles: Callable[[], Mapping[str, str]] = dict) -> None:
        self._settings = sorted(config.channels, key=lambda one: one.name)
        self._troubles = troubles

    def channels(self) -> Sequence[ChannelView]:
        """Return all channels in order of their names."""
        troubles = self._troubles()
        return [
            ChannelView(name=one.name, kind=one.kind, target=target(one), trouble=troubles.get(one.name, ""))
            for one in self._settings
        ]


def lookup_of(registry: Registry, types: Callable[[str], DeviceType | None], clock: Callable[[], datetime]) -> Lookup:
    """Return what finds the names of devices, and the fields that rules are about."""
    names: dict[str, str] = {}
    read_at = clock()

    async def lookup(dues: Sequence[Due]) -> Mapping[int, Facts]:
        nonlocal read_at
        if clock() - read_at > _KNOWN_FOR:
            names.clear()
            read_at = clock()
        found = {}
        for alarm, rule in ((due.alarm, due.rule) for due in dues):
            if alarm is None:
                continue
            if alarm.device is not None and alarm.device not in names:
                names[alarm.device] = await _name(registry, alarm.device)
            name = field_of(rule) if rule is not None else None
            kinds = (alarm.device_type,) if alarm.device_type else rule.scope.type if rule is not None else ()
            of = types(kinds[0]) if kinds else None
            field = of.field(name) if of is not None and name else None
            found[alarm.id] = Facts(name=names.get(alarm.device or "", ""), field=field)
        return found

    return lookup


async def _name(registry: Registry, device: str) -> str:
    try:
        return (await registry.device(device)).name
    except NotFoundError:
        return ""


def _door(settings: ChannelSettings, config: Config) -> Door:
    if settings.kind == "mail":
        return Mail(_mail(config.mail), sender=settings.sender or config.mail.sender, to=settings.to)
    if settings.kind == "webhook":
        return Webhook(settings.url, settings.secret)
    if settings.kind == "apprise":
        return Apprise(settings.url)
    broker = BrokerAddress.parse(settings.url) if settings.url else broker_address(config)
    return Mqtt(broker, _topic(settings))


def _mail(settings: MailSettings) -> MailConfig:
    return MailConfig(
        host=settings.host,
        port=settings.port,
        tls=settings.tls,
        user=settings.user,
        password=settings.password,
        ca_file=settings.ca_file,
    )


def _topic(settings: ChannelSettings) -> str:
    return settings.topic or TOPIC + settings.name
