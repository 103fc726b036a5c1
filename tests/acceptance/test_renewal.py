"""Services that run apart take new device files by themselves."""

import os

from tests.acceptance.command import Service, get, service, until
from tests.acceptance.conftest import temporary_folder
from tests.acceptance.test_commands import LAB_SOIL

SMALL = ("--lamps", "2", "--meters", "0", "--sigfox", "0", "--trams", "1", "--no-history")
AGAIN = "beginning again with them"


def names(api: str) -> set[str]:
    """Return the device types that an API knows."""
    return {one["name"] for one in get(f"{api}/api/v1/device-types")["items"]}


def said(running: Service, words: str) -> None:
    """Wait until a service has said something."""
    until(lambda: words in running.output, running)


def test_services_that_run_apart_take_a_new_device_file_and_keep_their_process() -> None:
    """`ingest`, `serve` and `alerts` go on with a broken file, and begin again with a whole one as the same process."""
    with temporary_folder() as folder, service("demo", "--port", "0", *SMALL, folder=folder) as demo:
        until(lambda: get(f"{demo.runtime['api']}/api/v1/latest")["items"], demo)
        addresses = {
            "PENFELD_BROKER_URL": demo.runtime["broker"],
            "PENFELD_DATABASE_URL": demo.runtime["database"],
            "PENFELD_INGEST_WORKER": "apart",
        }
        apart = folder / "apart"
        (apart / "my-devices").mkdir(parents=True)
        os.chown(apart, folder.stat().st_uid, -1)
        with (
            service("ingest", folder=apart, **addresses) as ingest,
            service("alerts", folder=apart, **addresses) as alerts,
            service("serve", "--port", "18099", folder=apart, **addresses) as serve,
        ):
            api = "http://127.0.0.1:18099"
            until(lambda: "lab_soil" not in names(api), serve)
            services = (ingest, alerts, serve)
            said(ingest, "connected")
            said(alerts, "this one waits")
            (apart / "my-devices" / "lab_broken.toml").write_text("title = ")
            for one in services:
                said(one, "not taken: ")
                assert AGAIN not in one.output
            (apart / "my-devices" / "lab_broken.toml").unlink()
            (apart / "my-devices" / "lab_soil.toml").write_text(LAB_SOIL)
            for one in services:
                said(one, AGAIN)
            assert until(lambda: "lab_soil" in names(api), serve)
            assert until(lambda: get(f"{api}/api/v1/latest?device_type=lab_soil")["items"] == [], serve)
            for one in services:
                assert one.process.poll() is None, one.output
        assert [one.process.returncode for one in services] == [0, 0, 0], [one.output for one in services]
