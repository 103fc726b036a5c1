"""``penfeld grafana``: boards generated from device files, in files or in a Grafana, and what they need."""

import argparse
import asyncio
import json
from collections.abc import Sequence
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

from model.errors import BadRequestError, ConfigError
from penfeld.config import Config, load
from penfeld.output import as_json, remark

if TYPE_CHECKING:
    from dashboards.board import Board
    from dashboards.sync import Difference, Grafana

DESCRIPTION = """\
Boards for Grafana 11 or later, made from device files: the city, each domain, each device type, one device, alarms, the
platform itself. `write` makes files that Grafana reads when it starts; `push` brings a running Grafana to the same, by
its address and a token ([grafana] url, token). What people edited there is told, and kept. See docs/grafana.md."""
EXAMPLES = """\
  penfeld grafana role                                  let Grafana log in: the role that reads, with its password
  penfeld grafana write deploy/grafana                  data source, folders and boards as files
  penfeld grafana diff --exit-code                      for a pipeline: 1 if anything differs
  penfeld grafana push
  penfeld grafana pull edits/                           save what people edited
  penfeld grafana push --force                          over what people edited, too
  penfeld grafana live --api http://127.0.0.1:8080      feed live panels, every second"""

_BOARDS = "/var/lib/penfeld-boards"  # as deploy/compose.yaml has it


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("role", help="give the role that only reads its password ([grafana] reader_password)")
    writing = actions.add_parser("write", help="write data source, folders and boards as files")
    writing.add_argument("folder", type=Path, metavar="DIR", help="Grafana's folder of provisioning")
    writing.add_argument(
        "--boards-at", metavar="PATH", default=_BOARDS, help="where Grafana will find DIR/boards (%(default)s)"
    )
    writing.add_argument("--boards-only", action="store_true", help="only boards, right in DIR")
    comparing = actions.add_parser("diff", help="say how a Grafana differs from what would be pushed")
    comparing.add_argument("--exit-code", action="store_true", help="end with 1 if anything differs")
    comparing.add_argument("--lines", action="store_true", help="show which lines of the boards differ")
    pushing = actions.add_parser("push", help="bring a Grafana to these boards")
    pushing.add_argument("--force", action="store_true", help="write over what people edited, too")
    pulling = actions.add_parser("pull", help="save the boards that people edited as files")
    pulling.add_argument("folder", type=Path, metavar="DIR", help="where to: <uid>.json each")
    living = actions.add_parser("live", help="push readings into Grafana Live, every second")
    living.add_argument("--api", metavar="URL", help="where Penfeld's API is (default: by [api])")
    living.add_argument("--api-token-file", type=Path, metavar="FILE", help="holds a token for it, where it wants one")
    living.add_argument("--device-type", action="append", default=[], metavar="TYPE", help="only these")
    living.add_argument("--device", action="append", default=[], metavar="ID", help="only these")
    for action in (writing, comparing, pushing):
        action.add_argument("--language", choices=("fr", "en"), help="of titles (default: [grafana] language)")
    for action in (comparing, pushing, pulling):
        action.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Do what was asked."""
    config = load(getattr(options, "config", None))
    actions = {"role": _role, "write": _write, "diff": _diff, "push": _push, "pull": _pull, "live": _live}
    return actions[options.action](config, options)


def _role(config: Config, _options: argparse.Namespace) -> int:
    from penfeld.devicefiles import catalogue
    from penfeld.wiring import database, make_ready
    from storage.reader import let_log_in

    async def let_in() -> None:
        async with database(config) as opened:
            await make_ready(opened, catalogue(config))
            await let_log_in(opened, config.grafana.reader_password)

    if not config.grafana.reader_password:
        raise ConfigError(["[grafana] reader_password is empty: set PENFELD_GRAFANA_READER_PASSWORD, or its _FILE"])
    asyncio.run(let_in())
    print("penfeld_reader may log in with [grafana] reader_password, and sees schema grafana only")
    return 0


def _write(config: Config, options: argparse.Namespace) -> int:
    from dashboards.provisioning import files

    made = files(_boards(config, options), options.boards_at)
    if options.boards_only:
        made = {name.removeprefix("boards/"): text for name, text in made.items() if name.startswith("boards/")}
    gone = _gone(options.folder if options.boards_only else options.folder / "boards", made)
    written = 0
    try:
        for name, text in made.items():
            path = options.folder / name
            if path.is_file() and path.read_text("utf-8") == text:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            written += 1
        for path in gone:
            path.unlink()
    except OSError as error:
        raise ConfigError([f"{error.filename}: {error.strerror}: choose a folder that can be written to"]) from error
    print(f"{options.folder}: {len(made)} files, {written} written, {len(gone)} removed")
    return 0


def _gone(folder: Path, made: object) -> list[Path]:
    """Return boards of ours in files that are no longer made; whatever else lies there is left alone."""
    known = {Path(name).name for name in made} if isinstance(made, dict) else set()
    return [path for path in sorted(folder.glob("penfeld*/penfeld-*.json")) if path.name not in known]


def _diff(config: Config, options: argparse.Namespace) -> int:
    from dashboards.sync import State, compare

    differences = compare(_grafana(config), _boards(config, options))
    differing = [each for each in differences if each.state is not State.SAME]
    if options.json:
        as_json([{"uid": each.uid, "title": each.title, "state": each.state} for each in differences])
    else:
        for each in differing:
            print(f"{each.state:8} {each.uid}  {each.title}")
            if options.lines:
                print("\n".join(_lines(each)))
        remark(f"{len(differences)} boards, {len(differing)} differ")
    return 1 if options.exit_code and differing else 0


def _push(config: Config, options: argparse.Namespace) -> int:
    from dashboards.sync import State, push

    outcomes = push(_grafana(config), _boards(config, options), force=options.force)
    kept = [each for each in outcomes if each.difference.state is State.EDITED and not each.written]
    failed = [each for each in outcomes if each.problem]
    if options.json:
        as_json(
            [
                {
                    "uid": each.difference.uid,
                    "state": each.difference.state,
                    "written": each.written,
                    "problem": each.problem,
                }
                for each in outcomes
            ]
        )
    else:
        for each in outcomes:
            if each.problem or each.written:
                print(f"{'written' if each.written else 'failed ':8} {each.difference.uid}  {each.problem}".rstrip())
        for each in kept:
            print(f"kept     {each.difference.uid}  edited by hand: `pull` saves it, `push --force` writes over it")
        written = sum(each.written for each in outcomes)
        remark(f"{len(outcomes)} boards, {written} written, {len(kept)} kept as people edited them")
    return 1 if failed or kept else 0


def _pull(config: Config, options: argparse.Namespace) -> int:
    from dashboards.sync import edits

    found = edits(_grafana(config), _boards(config, options))
    options.folder.mkdir(parents=True, exist_ok=True)
    for uid, document in found.items():
        text = json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        (options.folder / f"{uid}.json").write_text(text, "utf-8")
    if options.json:
        as_json({"folder": options.folder, "saved": sorted(found)})
    else:
        remark(f"{len(found)} boards that people edited saved in {options.folder}")
    return 0


def _live(config: Config, options: argparse.Namespace) -> int:
    import time

    from penfeld.client import Client
    from penfeld.clock import utc_now
    from penfeld.grafana_live import Collector, Push, forward

    url = options.api or f"http://{config.api.host}:{config.api.port}"
    token = options.api_token_file.read_text("utf-8").strip() if options.api_token_file else None
    push = Push(_address(config), config.grafana.token)
    with Client(url, token=token) as client:
        names = {device.id: device.name or device.id for device in client.devices()}
        remark(f"live panels are fed from {url}: Ctrl-C ends it")
        events = client.live(device_types=options.device_type, devices=options.device)
        try:
            forward(Collector(events), push, names, utc_now, time.sleep)
        finally:
            push.close()
    return 0


def _boards(config: Config, options: argparse.Namespace) -> "Sequence[Board]":
    from dashboards.board import Setting
    from dashboards.generated import boards
    from penfeld.devicefiles import catalogue

    language = getattr(options, "language", None) or config.grafana.language
    return boards(catalogue(config).types(), Setting(language, config.city.time_zone))


def _grafana(config: Config) -> "Grafana":
    from penfeld.grafana_http import GrafanaHttp

    return GrafanaHttp(_address(config), config.grafana.token)


def _address(config: Config) -> str:
    if not config.grafana.url:
        raise BadRequestError("[grafana] url is empty: say where Grafana is, as https://grafana.city.example")
    return config.grafana.url


def _lines(difference: "Difference") -> Sequence[str]:
    """Return how the two differ, line by line."""
    before, after = (
        json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True).splitlines()
        for document in (
            difference.stored.document if difference.stored else {},
            difference.board.document if difference.board else {},
        )
    )
    return list(unified_diff(before, after, "in Grafana", "to be pushed", lineterm="", n=2))
