"""What somebody changes on the command line is a line of audit, as it is where it is changed by API or console."""

import json

import pytest

from model.device import Device
from tests.integration.test_access_commands import Said, said
from tests.integration.test_balance_commands import LAMP, lamp, receive
from tests.unit.ingest.scene import lora

__all__ = ["said"]  # a fixture


def lines(said: Said) -> list[tuple[str, str]]:
    """Return what was changed of what, the newest first."""
    code, told, _ = said("audit", "--json")
    assert code == 0
    found = json.loads(told)
    assert all(one["who"].endswith("command line)") for one in found)
    return [(one["what"], one["target"]) for one in found]


def test_devices(said: Said, dsn: str) -> None:
    """Made, changed, and many at once; what stays as it is and what is wrong are no change."""
    receive(dsn)
    add = ("devices", "add", LAMP, "--type", "penfeld_streetlight")
    for name in ("One", "One", "Two"):
        assert said(*add, "--name", name)[0] == 0
    assert said("devices", "add", "zz", "--type", "penfeld_streetlight")[0] == 1

    assert lines(said) == [("device.updated", LAMP), ("device.created", LAMP)]


@pytest.mark.parametrize("everything", [True, False])
def test_what_leaves_quarantine(said: Said, dsn: str, *, everything: bool) -> None:
    """Who had it taken up again is written down; where nothing is like that, nothing is."""
    receive(dsn, lora("80"), devices=[lamp()])
    said("quarantine", "replay", "--source", "sigfox")
    said("quarantine", "replay", "--dry-run")
    said("quarantine", "replay", *([] if everything else ["--device", LAMP]))

    assert lines(said) == [("quarantine.replay", "many")]


def test_simulated_data_that_is_deleted(said: Said, dsn: str) -> None:
    """It is written down when there was some."""
    receive(dsn)
    assert said("purge-simulated", "--yes")[0] == 0
    before = lines(said)
    receive(dsn, devices=[Device(id="lamp-1", type="penfeld_streetlight", simulated=True)])
    assert said("purge-simulated", "--yes")[0] == 0

    assert (before, lines(said)) == ([], [("simulated.purged", "all")])
