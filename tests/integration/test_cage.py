"""Makers' codecs in their cage: no script stops the others, and what takes too much is asked no more."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest.cage import AT_ONCE, Cage, CageConfig
from model.errors import UnavailableError
from model.script import Call, Result, Script
from tests.hostile import HOSTILE, body

GOOD = Script(name="good.js", source="function decodeUplink(i) { return { data: { n: i.bytes[0] } } }")


@pytest.fixture
async def cage() -> AsyncIterator[Cage]:
    async with Cage() as made:
        yield made


def script(code: str, name: str = "bad.js") -> Script:
    return Script(name=name, source=body(code))


def calls(count: int) -> list[Call]:
    return [Call([n % 256], 1, 0.0) for n in range(count)]


async def assert_well(cage: Cage) -> None:
    """See that the others are answered, and that their process is as small as it was."""
    results = await cage.run(GOOD, "uplink", calls(3))
    assert [one.data for one in results] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert resident_kb(cage.pid) < 64 * 1024


def resident_kb(pid: int | None) -> int:
    """Return the memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def surroundings(pid: int | None) -> tuple[bytes, Path]:
    """Return environment and folder of a process."""
    return Path(f"/proc/{pid}/environ").read_bytes(), Path(f"/proc/{pid}/cwd").resolve()


def children() -> set[int]:
    """Return the processes that this one has started."""
    return {int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


@pytest.mark.parametrize("code", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_script_is_gone_and_the_others_are_answered(cage: Cage, code: str) -> None:
    """A batch of it comes back, each frame with an error or a value; the good codec answers."""
    await cage.run(GOOD, "uplink", calls(1))
    async with asyncio.timeout(30):  # far more than it takes: a hang fails
        results = await cage.run(script(code), "uplink", calls(AT_ONCE))
        assert len(results) == AT_ONCE
        assert all(one.errors or isinstance(one.data, dict) for one in results)
        await assert_well(cage)


@pytest.mark.parametrize("code", ["while (true) {}", "Array.prototype.reverse.call({ length: 2 ** 53 - 1 })"])
async def test_a_script_that_oversteps_again_and_again_is_suspended(cage: Cage, code: str) -> None:
    """After some frames it is asked no more; the reason names script, line and payload; a changed script is asked."""
    bad = script(code)
    results = await cage.run(bad, "uplink", calls(50))
    assert results[0].stopped
    assert results[-1].suspended
    [suspension] = cage.suspended()
    assert suspension.codec == "bad.js"
    assert "payload" in suspension.reason
    assert (await cage.run(bad, "uplink", calls(1)))[0].suspended
    assert not (await cage.run(script(f"/* mended */ if (0) {{ {code} }}"), "uplink", calls(1)))[0].errors


async def test_one_bad_frame_costs_no_other_its_reading(cage: Cage) -> None:
    """Of two hundred frames the one that cannot be stopped has an error; the codec goes on."""
    once = script("if (i.bytes[0] === 77) Array.prototype.reverse.call({ length: 2 ** 53 - 1 })")
    results = await cage.run(once, "uplink", calls(AT_ONCE))
    assert [n for n, one in enumerate(results) if one.errors] == [77]
    assert "it could not be stopped (payload 4d, port 1)" in results[77].errors[0]
    assert cage.suspended() == ()


async def test_a_killed_worker_is_replaced(cage: Cage) -> None:
    """Whoever kills the process: the next question is answered by another one."""
    await assert_well(cage)
    killed = cage.pid
    assert killed is not None
    os.kill(killed, 9)
    assert [one.data for one in await cage.run(GOOD, "uplink", calls(1))] == [{"n": 0}]
    assert cage.pid != killed


async def test_a_script_that_cannot_be_read_says_so_for_each_frame(cage: Cage) -> None:
    """Its line is told, by `problem` too, and nobody is struck for it."""
    broken = Script(name="broken.js", source="\nfunction (")
    results = await cage.run(broken, "uplink", calls(2))
    assert [one.errors[0].partition(": ")[0] for one in results] == ["broken.js:2", "broken.js:2"]
    assert "SyntaxError" in await cage.problem(broken)
    assert await cage.problem(GOOD) == ""
    assert cage.suspended() == ()


async def test_a_script_that_never_loads_is_suspended_at_once(cage: Cage) -> None:
    """Loading it again for every frame would hold up the others again and again."""
    endless = Script(name="endless.js", source="Array.prototype.reverse.call({ length: 2 ** 53 - 1 })")
    results = await cage.run(endless, "uplink", calls(AT_ONCE))
    assert all(one.suspended for one in results)
    assert "loading it ended after" in cage.suspended()[0].reason
    await assert_well(cage)


async def test_a_codec_that_remembers_gets_a_realm_a_frame(cage: Cage) -> None:
    """Where its own examples show that answers depend on earlier ones, each frame is asked by itself."""
    source = "let n = 0; function decodeUplink(i) { n += i.bytes[0]; return { data: { n } } }"
    remembers = Script(name="sum.js", source=source, probes=(Call([1]), Call([2])))
    results = await cage.run(remembers, "uplink", [Call([5])] * 3)
    assert [one.data for one in results] == [{"n": 5}] * 3


async def test_more_codecs_than_the_worker_holds(cage: Cage) -> None:
    """The oldest realms make room, and are made again when they are asked."""
    scripts = [script(f"return {{ data: {{ n: {n} }} }}", f"codec_{n}.js") for n in range(70)]
    for _ in range(2):
        for n, one in enumerate(scripts):
            assert await cage.run(one, "uplink", calls(1)) == [Result({"n": n})]


async def test_questions_at_the_same_time_get_their_own_answers(cage: Cage) -> None:
    """Workers share the cage: nobody gets the answer of another."""
    scripts = [script(f"return {{ data: {{ n: {n}, b: i.bytes[0] }} }}", f"codec_{n}.js") for n in range(5)]
    answers = await asyncio.gather(*(cage.run(one, "uplink", calls(300)) for one in scripts))
    for n, results in enumerate(answers):
        assert [one.data for one in results] == [{"n": n, "b": b % 256} for b in range(300)]


async def test_the_worker_knows_nothing_of_us(cage: Cage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither our environment nor our files: its own time zone, and a folder of nobody."""
    monkeypatch.setenv("PENFELD_DATABASE_URL", "postgresql://secret")
    await cage.run(GOOD, "uplink", calls(1))
    environment, folder = surroundings(cage.pid)
    assert b"secret" not in environment
    assert b"TZ=UTC" in environment
    assert folder == Path("/")


async def test_no_process_stays_behind() -> None:
    """Closing ends the worker and the one that waits, whatever they do."""
    before = children()
    async with Cage() as cage:
        await cage.run(GOOD, "uplink", calls(1))
        asking = asyncio.create_task(cage.run(script("while (true) {}"), "uplink", calls(1)))
        await asyncio.sleep(0)
        assert cage.pid in children() - before
    await asking
    assert children() <= before


async def test_a_worker_that_cannot_start_is_an_outage_and_no_fault_of_the_codec(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Frames wait, as they do when the database is down."""
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    async with Cage() as cage:
        with pytest.raises(UnavailableError, match="does not start"):
            await cage.run(GOOD, "uplink", calls(1))
        assert cage.suspended() == ()


async def test_a_question_that_is_given_up_leaves_no_answer_to_another(cage: Cage) -> None:
    """Whoever stops waiting, in whatever moment: the next question gets its own answer."""
    for moment in range(30):
        asking = asyncio.create_task(cage.run(GOOD, "uplink", [Call([moment + 100], 1, 0.0)]))
        await asyncio.sleep(moment / 2000)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert [one.data for one in await cage.run(GOOD, "uplink", [Call([moment], 1, 0.0)])] == [{"n": moment}]


async def test_giving_up_while_a_worker_starts_leaves_none_behind() -> None:
    """The start goes on by itself, and is ended with the cage."""
    before = children()
    for moment in (0.0, 0.01, 0.05):
        async with Cage() as cage:
            asking = asyncio.create_task(cage.run(GOOD, "uplink", calls(1)))
            await asyncio.sleep(moment)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
    assert children() <= before


async def test_nobody_is_blamed_for_a_machine_that_stands_still(cage: Cage) -> None:
    """A loop that was blocked, a worker that was stopped for a while: the answers come, and nothing is struck."""
    await cage.run(GOOD, "uplink", calls(1))
    for _ in range(4):
        asking = asyncio.create_task(cage.run(GOOD, "uplink", calls(1)))
        await asyncio.sleep(0)
        assert cage.pid is not None
        os.kill(cage.pid, signal.SIGSTOP)
        await asyncio.sleep(0.4)
        os.kill(cage.pid, signal.SIGCONT)
        assert [one.data for one in await asking] == [{"n": 0}]
    assert cage.suspended() == ()


async def test_a_worker_that_answers_no_more_is_an_outage() -> None:
    """After so long by the clock frames wait; no codec is at fault."""
    async with Cage(CageConfig(wall_s=3.0)) as cage:
        await cage.run(GOOD, "uplink", calls(1))
        assert cage.pid is not None
        os.kill(cage.pid, signal.SIGSTOP)
        with pytest.raises(UnavailableError, match="does not answer"):
            await cage.run(GOOD, "uplink", calls(1))
        assert [one.data for one in await cage.run(GOOD, "uplink", calls(1))] == [{"n": 0}]
        assert cage.suspended() == ()


async def test_an_answer_that_cannot_be_read_is_an_error_of_its_frame(cage: Cage) -> None:
    """Lists within lists within lists: too deep for JSON, and the others of the batch have their values."""
    deep = script("let a = []; if (i.bytes[0] === 5) for (let n = 0; n < 2000; n++) a = [a]; return { data: { a } }")
    results = await cage.run(deep, "uplink", calls(10))
    assert [n for n, one in enumerate(results) if one.errors] == [5]
    assert [one.data for one in await cage.run(GOOD, "uplink", calls(1))] == [{"n": 0}]


async def test_types_that_share_a_script_are_tried_each_by_its_own_examples(cage: Cage) -> None:
    """One without examples, asked first, does not make the other one's realm remember."""
    source = "let n = 0; function decodeUplink(i) { n += i.bytes[0]; return { data: { n } } }"
    untried = Script(name="sum.js", source=source)
    tried = Script(name="sum.js", source=source, probes=(Call([1]), Call([2])))
    assert [one.data for one in await cage.run(untried, "uplink", [Call([5])] * 2)] == [{"n": 5}, {"n": 10}]
    assert [one.data for one in await cage.run(tried, "uplink", [Call([5])] * 2)] == [{"n": 5}] * 2
