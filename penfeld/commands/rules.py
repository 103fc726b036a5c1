"""``penfeld rules``: alert rules from files, as engineers keep them, and what they would have raised."""

import argparse
import asyncio
from collections.abc import Sequence
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from model.errors import BadRequestError, ConfigError
from penfeld.config import Config, load
from penfeld.moments import FORMS, moment_of, take_spans
from penfeld.output import as_json, remark, table

if TYPE_CHECKING:
    from datetime import datetime

    from alerts.desk import RuleDesk
    from alerts.known import Known
    from model.alarm import StoredRule
    from model.rule import Rule
    from model.trial import Trial

DESCRIPTION = """\
Alert rules as files in git, beside those that operators set in the console: `apply` stores what files say, `diff` shows
how they differ from what is stored, `export` writes what is stored as a file, `check` says what keeps rules from
working. `test` tries one on stored history before it pages anybody. docs/rules.md explains all that a rule can say."""
EXAMPLES = """\
  penfeld rules list
  penfeld rules check alerts/*.toml                            what keeps them from working?
  penfeld rules diff alerts/*.toml --prune --exit-code         for a pipeline: 1 if anything differs
  penfeld rules apply alerts/*.toml --prune                    rules of files that are gone go too
  penfeld rules export > alerts/all.toml
  penfeld rules test lamps/hot --from -30d
  penfeld rules test alerts/lamps.toml --rule lamps/hot --from -30d --json
  penfeld rules disable lamps/hot
  penfeld rules notify team                                    a test message"""

_BAR = 40
_WORST = 10
_MOST_TOLD = 200
"""No trial names more subjects."""
_STEPS = 1000
_SHOWN_LINES = 10
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list all rules")
    showing = actions.add_parser("show", help="one rule as a file says it, where it is from, who changed it")
    showing.add_argument("name", metavar="NAME", help="a rule's name")
    checking = actions.add_parser("check", help="say what keeps the rules of files from working")
    checking.add_argument(
        "--offline", action="store_true", help="without the database: names of devices, districts… are not checked"
    )
    applying = actions.add_parser("apply", help="store the rules of files")
    applying.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
    comparing = actions.add_parser("diff", help="show how files differ from what is stored")
    comparing.add_argument("--exit-code", action="store_true", help="end with 1 if anything differs")
    exporting = actions.add_parser("export", help="print stored rules as a file")
    exporting.add_argument("names", nargs="*", metavar="NAME", help="these only (default: all but those of devices)")
    exporting.add_argument(
        "--origin",
        choices=("device", "file", "console"),
        help="those from device files, from files or from the console",
    )
    for name, text in (("enable", "switch a rule on"), ("disable", "switch a rule off"), ("remove", "remove a rule")):
        action = actions.add_parser(name, help=text)
        action.add_argument("name", metavar="NAME", help="a rule's name")
        _by(action)
    testing = actions.add_parser("test", help="say what a rule would have raised")
    take_spans(testing)
    testing.add_argument("rule_or_file", metavar="NAME|FILE", help="a stored rule, or a file of rules (*.toml)")
    testing.add_argument("--rule", metavar="NAME", help="which one of the file's rules")
    testing.add_argument("--from", dest="start", default="-30d", metavar="TIME", help=f"event time: {FORMS}")
    testing.add_argument("--to", dest="end", default="now", metavar="TIME", help="event times before this one only")
    channels = actions.add_parser("channels", help="list the ways to tell people")
    telling = actions.add_parser("notify", help="send a test message over a channel")
    telling.add_argument("channel", metavar="CHANNEL", help="its name in the settings")
    telling.add_argument("--wait", type=float, default=20.0, metavar="S", help="seconds to wait until it is sent")
    _by(telling)
    for action in (checking, applying, comparing):
        action.add_argument("files", nargs="+", type=Path, metavar="FILE", help="files of rules")
    for action in (applying, comparing):
        action.add_argument("--prune", action="store_true", help="rules that came from files and are in none now go")
    _by(applying)
    for action in (listing, showing, applying, testing, channels):
        action.add_argument("--json", action="store_true", help="print JSON")


def _by(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", default="command line", metavar="WHO", help="who does it, for the record")


def run(options: argparse.Namespace) -> int:
    """Do what was asked."""
    config = load(getattr(options, "config", None))
    if options.action == "channels":
        return _channels(config, options)
    if options.action == "check" and options.offline:
        return _offline(config, options)
    return asyncio.run(_with_desk(config, options))


async def _with_desk(config: Config, options: argparse.Namespace) -> int:
    from penfeld.alerting import desk
    from penfeld.devicefiles import catalogue
    from penfeld.wiring import database

    if options.action == "notify":
        return await _notify(config, options)
    known = catalogue(config)
    actions = {
        "list": _list, "show": _show, "check": _check, "apply": _apply, "diff": _diff, "export": _export,
        "enable": _switch, "disable": _switch, "remove": _remove, "test": _test,
    }  # fmt: skip
    async with database(config) as opened:
        return await actions[options.action](desk(opened, config, known), config, options)


async def _list(desk: "RuleDesk", config: Config, options: argparse.Namespace) -> int:
    each = await desk.all()
    if options.json:
        as_json([_told(one) for one in each])
    elif each:
        rows = [
            (
                one.rule.name,
                one.rule.severity,
                one.rule.enabled,
                one.origin,
                _local(one.changed_at, config),
                ", ".join(one.rule.notify) or None,
                one.rule.title.en,
            )
            for one in each
        ]
        table(("rule", "severity", "on", "from", "changed", "tells", "title"), rows)
    else:
        print("there are no rules yet: docs/rules.md shows how to write some, `penfeld rules apply FILE` stores them")
    return 0


async def _show(desk: "RuleDesk", config: Config, options: argparse.Namespace) -> int:
    from alerts.files import text_of

    stored = await desk.rule(options.name)
    problems, notes = await desk.problems(stored.rule), await desk.notes(stored.rule)
    audit = await desk.audit(options.name, limit=_SHOWN_LINES)
    if options.json:
        history = [{"at": one.at, "who": one.who, "what": one.what} for one in audit]
        as_json(_told(stored) | {"problems": list(problems), "notes": list(notes), "changes": history})
        return 0
    where = {"device": "a device file", "file": "a file of rules", "console": "the console"}[stored.origin]
    print(f"# from {where}, version {stored.version}, {_local(stored.changed_at, config)}")
    print(text_of([stored.rule]), end="")
    for title, lines in (("it does not work", problems), ("to know", notes)):
        if lines:
            print(f"\n{title}")
            for line in lines:
                print(f"  {line}")
    if audit:
        print()
        table(("changed", "by", "what"), [(_local(one.at, config), one.who or "Penfeld", one.what) for one in audit])
    return 0


async def _check(desk: "RuleDesk", _config: Config, options: argparse.Namespace) -> int:
    known = await desk.known()
    return _report(_read(options.files, known), known)


def _offline(config: Config, options: argparse.Namespace) -> int:
    from alerts.known import Known
    from penfeld.devicefiles import catalogue

    types = {one.name: one for one in catalogue(config).types()}
    known = Known(types=types, channels=[one.name for one in config.channels])
    return _report(_read(options.files, known), known, offline=True)


def _report(rules: "Sequence[Rule]", known: "Known", *, offline: bool = False) -> int:
    from alerts.check import notes

    for rule in rules:
        for note in notes(rule, known):
            if not (offline and note.startswith("scope")):
                remark(f"note: rule {rule.name!r}: {note}")
    print(f"{_count(len(rules), 'rule')} {'works' if len(rules) == 1 else 'work'}")
    return 0


async def _apply(desk: "RuleDesk", _config: Config, options: argparse.Namespace) -> int:
    rules = _read(options.files, await desk.known())
    stored = {one.rule.name: one for one in await desk.all()}
    done: dict[str, list[str]] = {"added": [], "changed": [], "removed": [], "same": []}
    for rule in rules:
        before = stored.get(rule.name)
        if before is not None and before.rule == rule and before.origin != "console":
            done["same"].append(rule.name)
            continue
        done["changed" if before is not None else "added"].append(rule.name)
        if not options.dry_run:
            version = None if before is None else before.version
            await desk.save(rule, who=options.by, origin="file", version=version)
    if options.prune:
        done["removed"] = _pruned(rules, stored)
        if not options.dry_run:
            for name in done["removed"]:
                await desk.remove(name, options.by)
    if options.json:
        as_json({**done, "dry_run": options.dry_run})
        return 0
    for what in ("added", "changed", "removed"):
        for name in done[what]:
            print(f"{what}  {name}")
    would = "would be " if options.dry_run else ""
    print(", ".join(f"{len(names)} {'' if what == 'same' else would}{what}" for what, names in done.items()))
    return 0


async def _diff(desk: "RuleDesk", _config: Config, options: argparse.Namespace) -> int:
    from rich.console import Console

    from alerts.files import text_of

    console = Console()  # plain text where it is no terminal
    rules = {rule.name: rule for rule in _read(options.files, None)}
    stored = {one.rule.name: one for one in await desk.all()}
    names = sorted({*rules, *(_pruned(list(rules.values()), stored) if options.prune else ())})
    differs = False
    for name in names:
        before = text_of([stored[name].rule]) if name in stored else ""
        after = text_of([rules[name]]) if name in rules else ""
        lines = list(
            unified_diff(before.splitlines(), after.splitlines(), f"stored {name}", f"files {name}", lineterm="")
        )
        differs = differs or bool(lines)
        for line in lines:
            console.print(line, style=_COLOURS.get(line[:1], ""), markup=False, highlight=False, soft_wrap=True)
    if not differs:
        remark("no differences")
    return int(differs and options.exit_code)


async def _export(desk: "RuleDesk", _config: Config, options: argparse.Namespace) -> int:
    from alerts.files import text_of

    stored = [await desk.rule(name) for name in options.names] or await desk.all()
    if options.origin is not None:
        stored = [one for one in stored if one.origin == options.origin]
    elif not options.names:
        stored = [one for one in stored if one.origin != "device"]
    print(text_of([one.rule for one in stored]), end="")
    if not stored:
        remark("no such rules are stored; `penfeld rules list` shows all, --origin device gets those of device files")
    return 0


async def _switch(desk: "RuleDesk", _config: Config, options: argparse.Namespace) -> int:
    stored = await desk.switch(options.name, options.by, on=options.action == "enable")
    print(f"{stored.rule.name} is {'on' if stored.rule.enabled else 'off'}")
    return 0


async def _remove(desk: "RuleDesk", _config: Config, options: argparse.Namespace) -> int:
    await desk.remove(options.name, options.by)
    left = {one.rule.name: one for one in await desk.all()}.get(options.name)
    print(f"{options.name} is removed" + ("" if left is None else "; that of its device file counts again"))
    return 0


async def _test(desk: "RuleDesk", config: Config, options: argparse.Namespace) -> int:
    from penfeld.clock import utc_now
    from penfeld.progress import Progress

    now = utc_now()
    start, end = (moment_of(text, now=now, zone=config.city.time_zone) for text in (options.start, options.end))
    rule = await _chosen(desk, options)
    with Progress(f"trying {rule.name}", _STEPS) as progress:
        found = await desk.test(rule, start, end, lambda share: progress.at(round(share * _STEPS)))
    if options.json:
        as_json(_trial(rule, found))
    else:
        _tell(rule, found, config)
    return 0


async def _chosen(desk: "RuleDesk", options: argparse.Namespace) -> "Rule":
    """Return the rule that is meant by a name, or by a file and a name."""
    if not options.rule_or_file.endswith(".toml"):
        return (await desk.rule(options.rule_or_file)).rule
    file = Path(options.rule_or_file)
    rules = {rule.name: rule for rule in _read([file], None)}
    names = ", ".join(rules)
    if options.rule is None and len(rules) != 1:
        raise BadRequestError(f"{file} has {len(rules)} rules; say which one with --rule: {names or 'there is none'}")
    name = options.rule if options.rule is not None else next(iter(rules))
    if name not in rules:
        raise BadRequestError(f"{file} has no rule {name!r}; it has {names or 'none'}")
    return rules[name]


def _channels(config: Config, options: argparse.Namespace) -> int:
    from penfeld.channels import ChannelList

    each = ChannelList(config).channels()
    if options.json:
        as_json([{"name": one.name, "kind": one.kind, "target": one.target} for one in each])
    elif each:
        table(("channel", "kind", "reaches"), [(one.name, one.kind, one.target) for one in each])
    else:
        print("there are no channels yet: add a [[channel]] to penfeld.toml")
    return 0


async def _notify(config: Config, options: argparse.Namespace) -> int:
    from alerts.known import nearest
    from model.notification import NotificationState
    from penfeld.clock import utc_now
    from penfeld.wiring import database
    from storage.outbox import Outbox

    names = [one.name for one in config.channels]
    if options.channel not in names:
        hint = nearest(options.channel, names) or "there is none yet: add a [[channel]] to penfeld.toml"
        raise BadRequestError(f"there is no channel {options.channel!r}; {hint}")
    clock = asyncio.get_running_loop().time
    until = clock() + options.wait
    async with database(config) as opened:
        outbox = Outbox(opened)
        message = await outbox.test(options.channel, options.by, utc_now())
        while True:
            [now] = [one for one in await outbox.page() if one.id == message.id] or [message]
            if now.state is NotificationState.SENT:
                print(f"a test message went over {options.channel}")
                return 0
            if now.state is not NotificationState.WAITING:
                raise BadRequestError(f"the test message did not go over {options.channel}: {now.detail}")
            if clock() >= until:
                break
            await asyncio.sleep(0.2)
    remark(
        f"the test message waits; {now.detail or 'does `penfeld alerts` (or `penfeld run`) run? It sends what waits'}"
    )
    return 1


def _read(files: Sequence[Path], known: "Known | None") -> "list[Rule]":
    """Return the rules of files; raise ``ConfigError`` with all that is wrong. ``known``: check that they work, too."""
    from alerts.check import problems
    from alerts.files import located, rules_in
    from penfeld.devicefiles import text_of

    found: dict[str, tuple[Rule, Path]] = {}
    wrong: list[str] = []
    for file in files:
        try:
            text = text_of(file)
            rules = rules_in(text, str(file))
        except (OSError, UnicodeDecodeError) as error:
            wrong.append(f"{file}: cannot be read: {error}")
            continue
        except ConfigError as error:
            wrong += error.problems
            continue
        for rule in rules:
            if rule.name in found:
                other = found[rule.name][1]
                wrong.append(located(text, str(file), rule.name, f"name: is in {other} too; choose another name"))
                continue
            found[rule.name] = rule, file
            if known is not None:
                wrong += [located(text, str(file), rule.name, problem) for problem in problems(rule, known)]
    if wrong:
        raise ConfigError(wrong)
    return [rule for rule, _ in found.values()]


def _pruned(rules: "Sequence[Rule]", stored: "dict[str, StoredRule]") -> list[str]:
    """Return the names of stored rules that came from files and are in none now."""
    there = {rule.name for rule in rules}
    return [name for name, one in stored.items() if one.origin == "file" and name not in there]


def _told(stored: "StoredRule") -> dict[str, object]:
    from model.rule import plain

    return {
        "rule": plain(stored.rule),
        "version": stored.version,
        "origin": stored.origin,
        "changed_at": stored.changed_at,
        "changed_by": stored.changed_by,
    }


def _trial(rule: "Rule", found: "Trial") -> dict[str, object]:
    """Return a trial for programs."""
    from model.instants import moment

    each = [
        {
            "subject": one.subject,
            "episodes": [
                {
                    "started_at": moment(episode.start_us),
                    "raised_at": moment(episode.raised_us),
                    "ended_at": None if episode.end_us is None else moment(episode.end_us),
                    "first_value": episode.first,
                    "last_value": episode.last,
                }
                for episode in one.episodes
            ],
        }
        for one in found.found
    ]
    return {
        "rule": rule.name,
        "start": found.start,
        "end": found.end,
        "readings": found.readings,
        "subjects": found.subjects,
        "alarms": found.alarms,
        "open": found.open,
        "simulated": found.simulated,
        "raised_s": found.raised_s,
        "longest_s": found.longest_s,
        "by_hour": list(found.by_hour),
        "by_day": dict(found.by_day),
        "alternatives": list(found.alternatives),
        "found": each,
    }


def _tell(rule: "Rule", found: "Trial", config: Config) -> None:
    """Print a trial for people."""
    start, end = _local(found.start, config), _local(found.end, config)
    print(f"{rule.name} from {start} to {end}: {_count(found.readings, 'reading')}, {_count(found.subjects, 'device')}")
    if not found.alarms:
        print("no alarm" + ("" if found.readings else ": there are no readings to look at"))
    else:
        simulated = f", {found.simulated:,} of simulated devices" if found.simulated else ""
        going = f", {found.open:,} still open at the end" if found.open else ""
        many = "more than " if len(found.found) >= _MOST_TOLD else ""
        print(f"{_count(found.alarms, 'alarm')} of {many}{_count(len(found.found), 'subject')}{going}{simulated}")
        print(f"{_long(found.raised_s)} in all, the longest {_long(found.longest_s)}")
        print("\nwhen they would have paged somebody, local time")
        most = max(found.by_hour)
        for hour, count in enumerate(found.by_hour):
            bar = "█" * max(round(_BAR * count / most), int(count > 0))
            print(f"  {hour:02d} h  {bar} {count:,}" if count else f"  {hour:02d} h")
        print()
        rows = [
            (one.subject, f"{len(one.episodes):,}", _local(_moment(one.episodes[0].raised_us), config))
            for one in found.found[:_WORST]
        ]
        table(("most alarms", "alarms", "first"), rows, right=("alarms",))
    if found.alternatives:
        print()
        rows_ = [(one.limit, f"{one.alarms:,}", f"{one.subjects:,}") for one in found.alternatives]
        table(("with a limit of", "alarms", "subjects"), rows_, right=("with a limit of", "alarms", "subjects"))


def _moment(at_us: int) -> "datetime":
    from model.instants import moment

    return moment(at_us)


def _count(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _long(seconds: float) -> str:
    from datetime import timedelta

    from alerts.texts import duration

    return duration(timedelta(seconds=seconds), "en")


def _local(of: "datetime", config: Config) -> str:
    return of.astimezone(ZoneInfo(config.city.time_zone)).strftime("%Y-%m-%d %H:%M %Z")
