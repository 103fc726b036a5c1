"""What ``penfeld redecode`` shows, and how far it says it is."""

import argparse
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from model.history import Counts, Example, Extent, FieldDifference, Reach, Run, RunState, Scope, Survey, Undecodable
from penfeld.cli import main
from penfeld.commands.redecode import _ended, _line, _show
from penfeld.progress import Progress

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
SURVEY = Survey(
    scope=Scope(device_type="lab_soil"),
    version="new",
    extent=Extent(until=NOON, devices={1: 1000, 2: 500}, versions=("old",)),
    counts=Counts(frames=1500, undecodable=1, unchanged=1400, changed=98, new=1, gone=2, kept=1),
    reach=Reach(),
    fields=(
        FieldDifference(
            field="temperature_c", unit="Cel", changed=98, appears=0, vanishes=1, typical=9.5, largest=12.0
        ),
    ),
    examples=(
        Example(
            field="temperature_c",
            device="soil-1",
            time=NOON,
            before=1.2,
            after=13.2,
            payload=b"\x04\xb0",
            values=None,
            f_port=1,
        ),
    ),
    undecodable=(
        Undecodable(device="soil-2", time=NOON, error="byte 2: too short", payload=b"\x04", values=None, f_port=1),
    ),
)
RUN = Run(
    number=7,
    scope=SURVEY.scope,
    version="new",
    versions_before=("old",),
    until=NOON,
    frames=1500,
    reach=Reach(),
    counts=Counts(frames=600, changed=40),
    place=None,
    state=RunState.OPEN,
    started_at=NOON,
    changed_at=NOON,
)


def test_the_difference_is_shown_with_counts_fields_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """What is nought is left out; each example has its bytes, what it said and what it says."""
    _show(SURVEY)

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "1,500 frames of 2 devices, decoded by old; now by new"
    assert "readings that change 98" in lines
    assert "frames with another event time 0" not in lines
    assert "temperature_c Cel 98 9.5 12 0 1" in lines
    assert "temperature_c soil-1 2026-07-01T12:00:00+00:00 1.2 13.2 1 04b0" in lines
    assert "soil-2 2026-07-01T12:00:00+00:00 byte 2: too short 1 04" in lines


def test_nothing_to_decode_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    """A range without frames is no error."""
    _show(replace(SURVEY, extent=replace(SURVEY.extent, devices={})))

    assert capsys.readouterr().out == "there are no frames of lab_soil between these times\n"


def test_a_run_that_was_stopped_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    """Its exit code is that of an interrupted command; one that came to its end is fine."""
    stopped = _ended(RUN, argparse.Namespace(json=False))
    done = _ended(replace(RUN, state=RunState.FINISHED, finished_at=NOON), argparse.Namespace(json=False))

    said = capsys.readouterr()
    assert (stopped, done) == (130, 0)
    assert said.err == "stopped at 600 of 1,500 frames: `penfeld redecode --resume 7` goes on\n"
    assert said.out.startswith("run 7 is done: 40 readings changed")


def test_the_list_tells_a_run_at_work_from_one_that_waits() -> None:
    """Both are open in the database; only one has a process."""
    assert [_line(run)[2] for run in (RUN, replace(RUN, working=True))] == ["open", "working"]
    assert _line(replace(RUN, state=RunState.GIVEN_UP))[2] == "given up"


def test_progress_tells_rows_share_rate_and_time_left() -> None:
    """What was done before a run was resumed does not count into its rate."""
    progress = Progress("run 7", 1500, start=600)
    progress.at(900)

    assert progress.line(progress._begun + 10) == "run 7: 900 of 1,500 (60%), 30 a second, 0:00:20 left"
    assert Progress("run 7", 1500).line(progress._begun).endswith("0 of 1,500 (0%), 0 a second, unknown left")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--dry-run"],
        ["--device-type", "a", "--list"],
        ["--device-type", "a", "--batch", "0"],
        ["--device-type", "a", "--batch", "many"],
        ["--history", "lamp-1"],
    ],
)
def test_wrong_usage_is_code_two(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """It wants a device type, a run to resume, the list or a reading's history: one of them."""
    with pytest.raises(SystemExit) as ended:
        main(["redecode", *words])

    assert ended.value.code == 2
    assert "usage: penfeld redecode" in capsys.readouterr().err
