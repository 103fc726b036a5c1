"""``penfeld demo``: a city in one command, and an account of every frame."""

import json
import signal
import socket
from pathlib import Path

import pytest

from tests.acceptance.command import Service, get, penfeld, processes_of, service, until
from tests.acceptance.conftest import Finished


def test_every_frame_is_accounted_for(finished: Finished) -> None:
    """Sent = received, and received = stored + duplicate + quarantined."""
    account = finished.account

    assert sum(account["sent"].values()) == account["received"]
    assert account["received"] == account["stored"] + account["duplicate"] + account["quarantined"]
    assert account["quarantined"] == 0


def test_every_network_has_its_say(finished: Finished) -> None:
    """Lamps, meters, Sigfox sensors and trams all sent frames that count by their source."""
    assert {name for name, count in finished.account["sent"].items() if count} == {
        "chirpstack",
        "thethingsstack",
        "sigfox",
        "native",
    }


def test_the_account_says_how_fast_it_was(finished: Finished) -> None:
    """First reading, latency and address are in the account, and the last line is nothing but JSON."""
    assert finished.account["first_reading_s"] > 0
    assert finished.account["latency_p99_ms"] > 0
    assert finished.account["url"].startswith("http://127.0.0.1:")


def test_it_leaves_no_process(finished: Finished) -> None:
    """When it has ended, no process of it is left, and nobody is told that something runs."""
    assert finished.left_behind == []
    assert not (finished.folder / "penfeld-data" / "runtime.json").exists()


def test_a_second_start_goes_on_with_the_same_data(finished: Finished) -> None:
    """What the first run stored is there in the second, which ends as well as the first."""
    words = ("--for", "3", "--json", "--port", "0", "--no-history", "--trams", "2")
    done = penfeld("demo", *words, folder=finished.folder)
    listed = penfeld("devices", "list", "--json", folder=finished.folder)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["quarantined"] == 0
    assert len(json.loads(listed.stdout)) == 440


def test_the_page_and_the_api_answer_while_it_runs(city: Service) -> None:
    """Latest values are there, marked as simulated, and the console answers."""
    api = city.runtime["api"]

    items = until(lambda: get(f"{api}/api/v1/latest?device_type=penfeld_tramunit")["items"])

    assert {item["device"]["simulated"] for item in items} == {True}
    assert get(f"{api}/readyz")


def test_two_cannot_run_on_one_folder(city: Service) -> None:
    """The second says in one line who is there and what to do."""
    done = penfeld("demo", "--for", "1", "--port", "0", folder=city.folder)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("penfeld: Penfeld already runs on penfeld-data (process ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(folder: Path, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM stop everything, account for every frame and leave no process."""
    with service("demo", "--json", "--port", "0", "--no-history", "--trams", "2", folder=folder) as running:
        until(lambda: "First reading stored" in running.output, running)
        code = running.stop(number)
        account = json.loads(running.output.splitlines()[-1])

    assert code == 0
    assert sum(account["sent"].values()) == account["received"] == account["stored"]
    assert processes_of(folder) == []


def test_being_killed_leaves_no_process_and_a_folder_that_works(folder: Path) -> None:
    """After ``kill -9`` nothing runs on, and the next start recovers by itself."""
    words = ("--json", "--port", "0", "--no-history", "--lamps", "5", "--meters", "0", "--sigfox", "0", "--trams", "2")
    with service("demo", *words, folder=folder) as running:
        until(lambda: "First reading stored" in running.output, running)
        running.process.kill()
        running.process.wait()
        until(lambda: not processes_of(folder))

    again = penfeld("demo", "--for", "2", *words, folder=folder)

    assert again.returncode == 0, again.stderr


def test_a_taken_port_is_one_line(folder: Path) -> None:
    """It says which port, and how to choose another; nothing is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = penfeld("demo", "--for", "1", "--port", str(port), folder=folder)

    assert done.returncode == 1
    remedy = "stop what listens there, or choose another with --port N or [api] port"
    assert done.stderr.splitlines()[1:] == [f"penfeld: port {port} on 127.0.0.1 is taken: {remedy}"]


def test_a_folder_that_cannot_be_written_is_one_line(folder: Path) -> None:
    """It says which folder, and how to choose another."""
    (folder / "file").touch()
    done = penfeld("demo", "--for", "1", "--data", "file", folder=folder)

    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == [
        "penfeld: cannot write to file: File exists; choose another folder with --data DIR or data_dir"
    ]


def test_wrong_faults_are_told_before_anything_starts(folder: Path) -> None:
    """A mistake in ``--faults`` names the faults that there are, and no process is left."""
    done = penfeld("demo", "--for", "1", "--port", "0", "--faults", "lost=1", folder=folder)

    assert done.returncode == 1
    assert "'lost' is not known. There are: loss" in done.stderr
    assert not (folder / "penfeld-data").exists()
