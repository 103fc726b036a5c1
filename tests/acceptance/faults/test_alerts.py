"""Who watches while things fail: no alarm is lost, none comes twice, and people hear of each once."""

import asyncio
import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from random import Random
from threading import Thread

import psycopg

from tests.acceptance.command import COMMAND, environment, penfeld
from tests.acceptance.faults.city import City, until
from tests.acceptance.faults.conftest import Close, Start
from tests.acceptance.faults.engines import on_every_engine, on_one_engine
from tests.acceptance.faults.load import Identity, Mixture, lamp, publications
from tests.acceptance.faults.scale import scaled
from tests.integration.fix_mail import MailServer

KILLS = scaled(5, 20)
DEAD_S = scaled(15.0, 600.0)
DELIVERED_WITHIN_S = scaled(60.0, 420.0)
"""The longest pause between two attempts is five minutes; after a quarter of a minute it is a few seconds."""
SEED = 5
LIMIT_W = 300.0
RULE = "lamps/bright"
Alarm = tuple[str, datetime, datetime | None]
"""Lamp, when it began, when it ended."""

_SETTLED = "select count(*) = 0 from penfeld.news"
_ALARMS = "select subject, started_at, ended_at from penfeld.alarm where rule = %s and state <> 'withdrawn'"
_MESSAGES = "select count(*) filter (where state = 'waiting'), count(*) from penfeld.notification"
_TOLD = """
select n.id, n.kind, n.state, count(a) filter (where a.state = 'sent'), count(a) filter (where a.state <> 'sent')
from penfeld.notification as n
left join penfeld.notification_attempt as a on a.notification = n.id
group by n.id order by n.id"""


@dataclass
class Evaluator:
    """``penfeld alerts`` as a process, again and again."""

    city: City
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def said(self) -> str:
        """Its log, from its first start on."""
        return (self.city.folder / "alerts.log").read_text()

    def start(self) -> None:
        """Start it and return at once."""
        with (self.city.folder / "alerts.log").open("ab") as log:
            self.process = subprocess.Popen(
                (*COMMAND, "alerts"), cwd=self.city.folder, env=environment(), stdout=log, stderr=log
            )

    def works(self) -> None:
        """Return when rules are at work."""
        until(lambda: "rules are at work" in self.said, lambda: self.said)

    def end(self, number: signal.Signals) -> None:
        """Send it a signal and wait for its end."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None

    def looked_at_all(self) -> None:
        """Return when nothing that was stored waits for it."""
        with psycopg.connect(self.city.dsn, autocommit=True) as connection:
            until(lambda: connection.execute(_SETTLED).fetchone() == (True,), lambda: self.said[-3000:])


@contextlib.contextmanager
def evaluating(city: City, scope: str, more: str = "") -> Iterator[Evaluator]:
    """Have a rule for bright lamps at work during the block."""
    (city.folder / "rules.toml").write_text(
        f'[rule."{RULE}"]\ntitle = {{ en = "Bright", fr = "Vive" }}\nseverity = "critical"\n'
        f'scope = {{ type = "penfeld_streetlight"{scope} }}\nsimulated = true\n'
        f'when = {{ field = "power_w", above = {LIMIT_W}, flagged = true }}\n{more}'
    )
    done = penfeld("rules", "apply", "rules.toml", folder=city.folder)
    assert done.returncode == 0, done.stderr
    evaluator = Evaluator(city)
    evaluator.start()
    try:
        evaluator.works()
        yield evaluator
    finally:
        evaluator.end(signal.SIGTERM)


def alarms(city: City) -> set[Alarm]:
    """Return the alarms there are; fail where one is there twice."""
    with psycopg.connect(city.dsn) as connection:
        found = connection.execute(_ALARMS, (RULE,)).fetchall()
    assert len(found) == len({row[:2] for row in found}), "an episode is one alarm"
    return {(str(subject), start, end) for subject, start, end in found}


def expected(published: Sequence[Identity]) -> set[Alarm]:
    """Return what all that was published says, lamp by lamp in the order of its times."""
    found: set[Alarm] = set()
    for name, some in groupby(sorted(set(published), key=lambda one: (one.device, one.time)), lambda one: one.device):
        begun: datetime | None = None
        for one in some:
            bright = int.from_bytes(one.payload[2:4], "big") / 10 > LIMIT_W
            if bright and begun is None:
                begun = one.time
            elif not bright and begun is not None:
                found.add((name, begun, one.time))
                begun = None
        if begun is not None:
            found.add((name, begun, None))
    return found


@on_every_engine
def test_kill_9_of_who_evaluates(city: City, close: Close) -> None:
    """However often ``kill -9`` hits it under load: the alarms are those that all readings in order tell."""
    random = Random(SEED)  # noqa: S311 chance, not secrecy
    city.worker()
    with evaluating(city, "") as evaluator, city.load(publications(Mixture(again=0.05))) as load:
        city.works()
        for _ in range(KILLS):
            time.sleep(random.uniform(0.3, 2.5))
            evaluator.end(signal.SIGKILL)
            evaluator.start()
        found = city.account(load)
        evaluator.looked_at_all()

    close(city, found)
    said = expected([one.identity for one in load.published if one.identity is not None])
    assert alarms(city) == said
    assert len(said) > KILLS, "there was something to raise"
    assert "Traceback" not in evaluator.said


@on_one_engine
def test_the_mail_server_is_dead_for_a_while(start: Start, close: Close) -> None:
    """What happens meanwhile is told when it is back, each alarm once; nobody had to do anything."""
    server = MailServer()
    with taking_mails(server):
        pass  # now it has a port, and is gone
    city = start(
        toml=f'[mail]\nhost = "127.0.0.1"\nport = {server.port}\ntls = "none"\nsender = "penfeld@city.example"\n'
        '[[channel]]\nname = "duty"\nkind = "mail"\nto = ["duty@city.example"]\ngroup_wait = "1 s"\n'
    )
    city.worker()
    some = f", device = {[lamp(number).id for number in range(3)]}".replace("'", '"')
    with evaluating(city, some, 'notify = ["duty"]\n') as evaluator, city.load() as load:
        city.works()
        until(lambda: messages(city)[0] > 0, lambda: evaluator.said)
        time.sleep(DEAD_S)
        assert messages(city)[0] == messages(city)[1], "all wait"
        found = city.account(load)
        evaluator.looked_at_all()
        with taking_mails(server):
            until(lambda: messages(city)[0] == 0, lambda: evaluator.said[-3000:], DELIVERED_WITHIN_S)

    close(city, found)
    with psycopg.connect(city.dsn) as connection:
        told = connection.execute(_TOLD).fetchall()
    assert [row for row in told if row[2:4] != ("sent", 1)] == [], "each was sent once"
    assert any(row[4] for row in told), "it was tried meanwhile"
    assert sum(row[1] == "opened" for row in told) == len(alarms(city)), "each alarm was told"
    ids = [str(mail["Message-ID"]) for _, _, mail in server.mails]
    assert len(ids) == len(set(ids)) > 0


def messages(city: City) -> tuple[int, int]:
    """Return how many messages wait, and how many there are."""
    with psycopg.connect(city.dsn) as connection:
        waiting, all_of_them = connection.execute(_MESSAGES).fetchone() or (0, 0)
    return waiting, all_of_them


@contextlib.contextmanager
def taking_mails(server: MailServer) -> Iterator[None]:
    """Let a mail server work during the block, on the same port each time."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    running = server.running()
    asyncio.run_coroutine_threadsafe(running.__aenter__(), loop).result()
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(running.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
