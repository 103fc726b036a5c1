"""``penfeld alarms``: what rules found, and what people do about it."""

import argparse
import asyncio
import re
from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from model.alarm import Alarm, AlarmFilter, AlarmState, Silence
from model.errors import BadRequestError
from model.severity import SEVERITIES
from model.spans import FORMS as SPANS
from model.spans import Span
from model.weekly import DAYS, Weekly
from penfeld.config import Config, load
from penfeld.moments import FORMS, moment_of, take_spans
from penfeld.output import as_json, remark, table

if TYPE_CHECKING:
    from storage.alarms import Alarms
    from storage.connection import Database

DESCRIPTION = """\
Alarms: what alert rules found, on whom, from when to when. `ack` says that somebody looks after them; `silence` keeps
people from being told for a time, while alarms are recorded as ever. All of it is written down with who did it."""
EXAMPLES = """\
  penfeld alarms list
  penfeld alarms list --state all --from -7d --severity critical
  penfeld alarms show 4711
  penfeld alarms ack 4711 4712 --by anna --text "a crew is on its way"
  penfeld alarms silence --district Siam --for "4 h" --reason "cables are replaced" --maintenance
  penfeld alarms silences
  penfeld alarms end 12                                        end a silence now"""

_STATES = tuple(state.value for state in AlarmState)
_WEEKLY = re.compile(r"(?P<days>[a-z, ]+) (?P<start>[0-9:]{5}) ?[-–] ?(?P<end>[0-9:]{5})", re.ASCII)
_FILTERS = ("rule", "device", "gateway", "source", "type", "district")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list open alarms, or all that are like that, the newest first")
    take_spans(listing)
    listing.add_argument("--state", choices=(*_STATES, "all"), default="open", help="default: open")
    listing.add_argument("--severity", choices=SEVERITIES, action="append", help="of this severity (again for more)")
    listing.add_argument("--from", dest="start", metavar="TIME", help=f"open at or after this event time: {FORMS}")
    listing.add_argument("--to", dest="end", metavar="TIME", help="open before this event time")
    listing.add_argument("--unacknowledged", action="store_true", help="only those nobody looks after")
    listing.add_argument("--folded", action="store_true", help="with those that another alarm explains")
    listing.add_argument("--limit", type=int, default=50, metavar="N", help="lines at most (default 50)")
    showing = actions.add_parser("show", help="one alarm, and what happened to it")
    showing.add_argument("id", type=int, metavar="ID", help="its number in the list")
    acknowledging = actions.add_parser("ack", help="say that somebody looks after alarms")
    acknowledging.add_argument("ids", nargs="+", type=int, metavar="ID", help="their numbers in the list")
    acknowledging.add_argument("--text", default="", metavar="TEXT", help="what is to be remembered")
    commenting = actions.add_parser("comment", help="note something at an alarm")
    commenting.add_argument("id", type=int, metavar="ID", help="its number in the list")
    commenting.add_argument("text", metavar="TEXT", help="what is to be remembered")
    assigning = actions.add_parser("assign", help="say whose an alarm is")
    assigning.add_argument("id", type=int, metavar="ID", help="its number in the list")
    assigning.add_argument("to", nargs="?", metavar="NAME", help="whose it is; nobody's where this is left out")
    silencing = actions.add_parser("silence", help="tell nobody for a time")
    take_spans(silencing)
    silencing.add_argument("--all", action="store_true", help="of whatever it is; else say which alarms")
    silencing.add_argument("--from", dest="start", default="now", metavar="TIME", help=f"from when: {FORMS}")
    silencing.add_argument("--to", dest="end", metavar="TIME", help="until when")
    silencing.add_argument("--for", dest="long", metavar="SPAN", help=f"or how long: {SPANS}")
    silencing.add_argument("--reason", required=True, metavar="TEXT", help="why, for all who wonder")
    silencing.add_argument("--maintenance", action="store_true", help="it is planned work, and shown as such")
    silencing.add_argument(
        "--weekly", metavar="HOURS", help='only in these hours of every week until then: "tue,thu 22:00-04:00"'
    )
    silences = actions.add_parser("silences", help="list silences that have not ended")
    silences.add_argument("--all", action="store_true", help="those that have, too")
    ending = actions.add_parser("end", help="end a silence now")
    ending.add_argument("id", type=int, metavar="ID", help="its number in the list")
    for action in (listing, silencing):
        action.add_argument("--rule", metavar="NAME", help="alarms of this rule")
        subject = action.add_mutually_exclusive_group()
        subject.add_argument("--device", metavar="ID", help="alarms of this device, in any spelling")
        subject.add_argument("--gateway", metavar="ID", help="alarms of this gateway")
        subject.add_argument("--source", metavar="NAME", help="alarms of this source")
        action.add_argument("--type", metavar="TYPE", help="alarms of devices of this type")
        action.add_argument("--district", metavar="NAME", help="alarms of devices of this district")
    for action in (acknowledging, commenting, assigning, silencing, ending):
        action.add_argument("--by", default="command line", metavar="WHO", help="who does it, for the record")
    for action in (listing, showing, acknowledging, silencing, silences):
        action.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Do what was asked."""
    return asyncio.run(_with_alarms(load(getattr(options, "config", None)), options))


async def _with_alarms(config: Config, options: argparse.Namespace) -> int:
    from penfeld.wiring import database
    from storage.alarms import Alarms

    async with database(config) as opened:
        alarms = Alarms(opened)
        if options.action == "list":
            return await _list(alarms, opened, config, options)
        if options.action == "silence":
            return await _silence(alarms, opened, config, options)
        actions = {
            "show": _show, "ack": _acknowledge, "comment": _comment, "assign": _assign,
            "silences": _silences, "end": _end,
        }  # fmt: skip
        return await actions[options.action](alarms, config, options)


async def _list(alarms: "Alarms", opened: "Database", config: Config, options: argparse.Namespace) -> int:
    from penfeld.clock import utc_now

    now, zone = utc_now(), config.city.time_zone
    start, end = (moment_of(text, now=now, zone=zone) if text else None for text in (options.start, options.end))
    if start is not None and end is not None and end <= start:
        raise BadRequestError(f"--to ({end.isoformat()}) does not lie behind --from ({start.isoformat()})")
    wanted = AlarmFilter(
        state=() if options.state == "all" else (AlarmState(options.state),),
        severity=tuple(options.severity or ()),
        rule=options.rule,
        subject=await _subject(opened, options),
        device_type=options.type,
        district=options.district,
        acknowledged=False if options.unacknowledged else None,
        folded=None if options.folded else False,
        start=start,
        end=end,
    )
    page = await alarms.page(wanted, limit=options.limit)
    if options.json:
        as_json({"items": [msgspec.to_builtins(one) for one in page.alarms], "more": page.next_before is not None})
        return 0
    if page.alarms:
        heads = ("id", "severity", "state", "since", "until", "rule", "subject", "value", "who")
        table(heads, [_row(one, zone) for one in page.alarms], right=("id",))
    else:
        print("no alarm is open" if options.state == "open" else "no alarm is like that")
    if page.next_before:
        remark(f"there are more: --limit shows more than {options.limit}")
    return 0


async def _show(alarms: "Alarms", config: Config, options: argparse.Namespace) -> int:
    alarm, events = await alarms.alarm(options.id), await alarms.events(options.id)
    if options.json:
        as_json({"alarm": msgspec.to_builtins(alarm), "events": msgspec.to_builtins(events)})
        return 0
    zone = config.city.time_zone
    folded = f"explained by alarm {alarm.folded_into}" if alarm.folded_into is not None else None
    rows = [
        ("rule", alarm.rule),
        ("about", alarm.subject + (" (simulated)" if alarm.simulated else "")),
        ("device type", alarm.device_type),
        ("district", alarm.district),
        ("severity", alarm.severity),
        ("state", alarm.state.value + (f", {alarm.reason.replace('_', ' ')}" if alarm.reason else "")),
        ("since", _local(alarm.started_at, zone)),
        ("raised", _local(alarm.raised_at, zone)),
        ("until", _local(alarm.ended_at, zone)),
        ("first value", alarm.first_value),
        ("last value", alarm.last_value),
        ("known since", _local(alarm.opened_at, zone) + (", late: nobody was told" if alarm.late else "")),
        ("explains", f"{alarm.folded} alarms" if alarm.folded else folded),
        ("acknowledged", alarm.acknowledged_at and f"{alarm.acknowledged_by}, {_local(alarm.acknowledged_at, zone)}"),
        ("assigned to", alarm.assigned_to),
        ("silenced until", _local(alarm.silenced_until, zone)),
    ]
    table(("alarm", f"{alarm.id}"), [row for row in rows if row[1] not in (None, "-")])
    print()
    said = [(_local(one.at, zone), one.kind.value, one.who or "Penfeld", one.text) for one in events]
    table(("when", "what", "by", "text"), said)
    return 0


async def _acknowledge(alarms: "Alarms", _config: Config, options: argparse.Namespace) -> int:
    done = await alarms.acknowledge(options.ids, options.by, options.text)
    if options.json:
        as_json([msgspec.to_builtins(one) for one in done])
        return 0
    for one in done:
        print(f"alarm {one.id} ({one.rule}, {one.subject}) is looked after by {one.acknowledged_by}")
    return 0


async def _comment(alarms: "Alarms", _config: Config, options: argparse.Namespace) -> int:
    if not options.text.strip():
        raise BadRequestError("TEXT is empty; say what is to be remembered")
    one = await alarms.comment(options.id, options.by, options.text)
    print(f"noted at alarm {one.id} ({one.rule}, {one.subject})")
    return 0


async def _assign(alarms: "Alarms", _config: Config, options: argparse.Namespace) -> int:
    one = await alarms.assign(options.id, options.by, options.to)
    print(f"alarm {one.id} ({one.rule}, {one.subject}) is {one.assigned_to or 'nobody'}'s")
    return 0


async def _silence(alarms: "Alarms", opened: "Database", config: Config, options: argparse.Namespace) -> int:
    from penfeld.clock import utc_now

    said = [word for word in _FILTERS if getattr(options, word)]
    if options.all == bool(said):
        words = ", ".join(f"--{word}" for word in _FILTERS)
        raise BadRequestError(f"say which alarms are meant, with some of {words}, or with --all alone")
    await _there(opened, config, options)
    zone = config.city.time_zone
    start = moment_of(options.start, now=utc_now(), zone=zone)
    if (options.end is None) == (options.long is None):
        raise BadRequestError('say until when, with --to TIME, or how long, with --for "4 h"')
    try:
        end = start + Span.parse(options.long).length if options.long else moment_of(options.end, now=start, zone=zone)
    except (ValueError, OverflowError) as error:
        raise BadRequestError(f"--for: {error}") from None
    if end <= start:
        raise BadRequestError(f"--to ({end.isoformat()}) does not lie behind --from ({start.isoformat()})")
    done = await alarms.silence(
        Silence(
            starts_at=start,
            ends_at=end,
            reason=options.reason,
            by=options.by,
            rule=options.rule,
            subject=await _subject(opened, options),
            device_type=options.type,
            district=options.district,
            maintenance=options.maintenance,
            weekly=_weekly(options.weekly, zone),
        )
    )
    if options.json:
        as_json(msgspec.to_builtins(done))
    else:
        print(
            f"silence {done.id}: nobody is told of {_of(done)} until {_local(end, zone)} {_hours(done.weekly)}".rstrip()
        )
        remark(f"`penfeld alarms end {done.id}` ends it")
    return 0


def _weekly(written: str | None, zone: str) -> Weekly | None:
    """Return the hours of every week that somebody wrote."""
    if written is None:
        return None
    match = _WEEKLY.fullmatch(written.strip().lower())
    days = match["days"].replace(",", " ").split() if match else []
    if match is None or not set(days) <= set(DAYS):
        raise BadRequestError(f'--weekly: {written!r} is none; write days and hours: "tue,thu 22:00-04:00"')
    return Weekly(days=tuple(day for day in DAYS if day in days), start=match["start"], end=match["end"], zone=zone)


def _hours(of: Weekly | None) -> str:
    return "" if of is None else f"{','.join(of.days)} {of.start}-{of.end}"


async def _silences(alarms: "Alarms", config: Config, options: argparse.Namespace) -> int:
    each = await alarms.silences(ended=options.all)
    if options.json:
        as_json([msgspec.to_builtins(one) for one in each])
    elif each:
        zone = config.city.time_zone
        rows = [
            (
                one.id,
                _of(one),
                _local(one.starts_at, zone),
                _local(one.ends_at, zone),
                _hours(one.weekly),
                one.maintenance,
                one.by,
                one.reason,
            )
            for one in each
        ]
        table(("id", "of", "from", "until", "weekly", "maintenance", "by", "reason"), rows, right=("id",))
    else:
        print("there are no silences")
    return 0


async def _end(alarms: "Alarms", _config: Config, options: argparse.Namespace) -> int:
    await alarms.unsilence(options.id, options.by)
    print(f"silence {options.id} is over")
    return 0


async def _subject(opened: "Database", options: argparse.Namespace) -> str | None:
    """Return the subject that is meant; a device in whatever spelling it was written."""
    from model.identity import possible_ids
    from storage.alerts import AlertStore

    if options.gateway:
        return f"gateway:{options.gateway}"
    if options.source:
        return f"source:{options.source}"
    if not options.device:
        return None
    known = {one.id for one in await AlertStore(opened).members()}
    spelled: tuple[str, ...] = (options.device, *possible_ids(options.device))
    return next((one for one in spelled if one in known), options.device)


async def _there(opened: "Database", config: Config, options: argparse.Namespace) -> None:
    """Refuse a silence of what is not there: it would silence nothing, and nobody would notice."""
    from model.identity import possible_ids
    from penfeld.alerting import desk
    from penfeld.devicefiles import catalogue, definition_in

    types = catalogue(config)
    rules = desk(opened, config, types)
    if options.rule:
        await rules.rule(options.rule)
    if options.type:
        definition_in(types, options.type)
    names = (await rules.known()).names
    if options.device and not {options.device, *possible_ids(options.device)} & names["device"]:
        _refuse("device", options.device, names["device"])
    if options.district and options.district not in names["district"]:
        _refuse("district", options.district, names["district"])


def _refuse(word: str, name: str, names: Collection[str]) -> None:
    from alerts.known import nearest

    raise BadRequestError(f"there is no {word} {name!r}; {nearest(name, names) or 'none is registered'}")


def _of(silence: Silence) -> str:
    """Return what a silence is of, in words."""
    said = {
        "rule": silence.rule, "about": silence.subject, "type": silence.device_type, "district": silence.district,
    }  # fmt: skip
    return ", ".join(f"{word} {name}" for word, name in said.items() if name) or "anything"


def _row(alarm: Alarm, zone: str) -> tuple[object, ...]:
    return (
        alarm.id,
        alarm.severity,
        alarm.state.value + (" (silenced)" if alarm.silenced_until else ""),
        _local(alarm.started_at, zone),
        _local(alarm.ended_at, zone),
        alarm.rule,
        alarm.subject + (" (simulated)" if alarm.simulated else ""),
        alarm.last_value,
        alarm.assigned_to or alarm.acknowledged_by,
    )


def _local(of: datetime | None, zone: str) -> str:
    return "-" if of is None else of.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M %Z")
