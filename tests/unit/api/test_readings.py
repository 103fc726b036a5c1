"""What /readings and /latest promise."""

import csv
import io
from dataclasses import replace
from datetime import timedelta

import pytest

from api.schemas import LatestOut, Page, ReadingsOut
from model.views import LatestValue, ReadingRow
from tests.fakes.memory import Seen
from tests.unit.api.scene import BIN, LAMP, NOW, PROBE, Scene, problem_of


@pytest.fixture
def rows(scene: Scene) -> list[ReadingRow]:
    """Five readings of a lamp, one a minute, and one simulated of another lamp."""
    lamp = [
        ReadingRow(
            device=LAMP,
            time=NOW + timedelta(minutes=minute),
            received_at=NOW + timedelta(minutes=minute, seconds=1),
            values={"power_w": 40.5 + minute, "lamp_on": "on"},
            version="1",
        )
        for minute in range(5)
    ]
    lamp[1] = replace(lamp[1], values={"power_w": None, "lamp_on": None}, flags=("power_w:range", "time:implausible"))
    made_up = replace(lamp[0], device=PROBE, simulated=True)
    rows = [*lamp, made_up]
    scene.memory.rows["lamp"] = {(row.device, row.time): row for row in rows}
    return rows


async def test_json_is_as_documented(scene: Scene, rows: list[ReadingRow]) -> None:
    """The JSON answer has the documented shape and the values that the port gave."""
    response = await scene.get("/readings", device_type="lamp")

    answer = ReadingsOut.model_validate_json(response.content, strict=True)

    assert [(row.time, row.device) for row in answer.items] == sorted((row.time, row.device) for row in rows)
    assert answer.units == {"power_w": "W", "lamp_on": ""}
    assert answer.items[0].values == {"power_w": 40.5, "lamp_on": "on"}
    assert [row.simulated for row in answer.items] == [False, True, False, False, False, False]


@pytest.mark.usefixtures("rows")
async def test_times_are_utc_with_z(scene: Scene) -> None:
    """Times in answers are UTC, and say so."""
    answer = await scene.json("/readings", device_type="lamp", limit=1)

    assert answer["items"][0]["time"] == "2026-03-29T06:00:00Z"


@pytest.mark.usefixtures("rows")
async def test_range_is_half_open(scene: Scene) -> None:
    """A reading at ``from`` is in, one at ``to`` is not; other zones than UTC are understood."""
    answer = await scene.json(
        "/readings", device=LAMP, **{"from": "2026-03-29T08:01:00+02:00", "to": "2026-03-29T06:03:00Z"}
    )

    assert [row["time"][14:16] for row in answer["items"]] == ["01", "02"]


async def test_plus_may_stay_unescaped(scene: Scene) -> None:
    """A + of a zone that arrives as a blank, because nobody escaped it, is understood."""
    response = await scene.client.get("/api/v1/readings?device_type=lamp&from=2026-03-29T08:01:00+02:00")

    assert response.status_code == 200


@pytest.mark.parametrize("time", ["2026-03-29", "2026-03-29T08:00:00", "2026-03-29 08:00"])
async def test_naive_times_are_refused_with_a_hint(scene: Scene, time: str) -> None:
    """A time without zone is refused, and the answer shows how to write one."""
    problem = await scene.problem("/readings", device_type="lamp", **{"from": time})

    assert problem["status"] == 422
    assert problem["errors"][0]["where"] == "query.from"
    assert "2026-03-29T06:00:00Z" in problem["detail"]


@pytest.mark.parametrize(
    "time", ["yesterday", "1767225600", "", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
async def test_what_is_no_time_is_refused(scene: Scene, time: str) -> None:
    """Words, numbers and times outside the calendar are refused."""
    assert (await scene.problem("/readings", device_type="lamp", to=time))["status"] == 422


async def test_reversed_range_is_refused(scene: Scene) -> None:
    """A range that ends before it begins is refused instead of answered with nothing."""
    problem = await scene.problem(
        "/readings", device_type="lamp", **{"from": "2026-03-29T06:00:00Z", "to": "2026-03-28T06:00:00Z"}
    )

    assert "lies behind" in problem["detail"]


@pytest.mark.usefixtures("rows")
async def test_pages_are_chained(scene: Scene) -> None:
    """Following ``Link: rel=next`` page by page gives every reading once, in order."""
    times, address = [], "/api/v1/readings?device=70-B3-D5-00-00-00-00-01&limit=2&lang=fr"
    while address:
        response = await scene.client.get(address)
        assert len(response.json()["items"]) <= 2
        times += [row["time"] for row in response.json()["items"]]
        following = response.links.get("next", {}).get("url", "")
        assert bool(following) == (response.json()["next_cursor"] is not None)
        address = following

    assert times == sorted(set(times))
    assert len(times) == 5


async def test_the_limit_says_its_end(scene: Scene) -> None:
    """More rows than a page can have are refused by an answer that names the limit."""
    problem = await scene.problem("/readings", device_type="lamp", limit=10_001)

    assert "10000" in problem["detail"]


@pytest.mark.usefixtures("rows")
async def test_newest_first(scene: Scene) -> None:
    """``order=desc`` turns the order round."""
    answer = await scene.json("/readings", device=LAMP, order="desc", limit=1)

    assert answer["items"][0]["values"]["power_w"] == 44.5


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(("choice", "count"), [("include", 6), ("exclude", 5), ("only", 1)])
async def test_simulated_readings_can_be_left_out(scene: Scene, choice: str, count: int) -> None:
    """Simulated readings are in the answer, left out, or alone."""
    answer = await scene.json("/readings", device_type="lamp", simulated=choice)

    assert len(answer["items"]) == count


@pytest.mark.usefixtures("rows")
async def test_fields_are_chosen(scene: Scene) -> None:
    """Only the fields asked for come, in that order, whether separated by commas or repeated."""
    response = await scene.client.get("/api/v1/readings?device_type=lamp&fields=lamp_on,power_w&fields=lamp_on")

    assert list(response.json()["items"][0]["values"]) == ["lamp_on", "power_w"]
    assert list(response.json()["units"]) == ["lamp_on", "power_w"]


@pytest.mark.parametrize(
    ("query", "near"),
    [
        ({"device_type": "lmap"}, ["lamp"]),
        ({"device_type": "lamp", "fields": "power"}, ["power_w"]),
        ({"device": "70b3d50000000003"}, [PROBE, LAMP]),
    ],
)
async def test_unknown_names_list_near_ones(scene: Scene, query: dict[str, str], near: list[str]) -> None:
    """An unknown device type, field or device is answered with the names that are like it."""
    problem = await scene.problem("/readings", **query)

    assert problem["status"] in {404, 422}
    assert sorted(problem["near"]) == sorted(near)


async def test_one_device_type_a_request(scene: Scene) -> None:
    """Devices of two types in one request are refused by an answer that says how to ask."""
    problem = problem_of(await scene.client.get(f"/api/v1/readings?device={LAMP}&device={BIN}"))

    assert "bin, lamp" in problem["detail"]
    assert "one device type" in problem["detail"]


async def test_something_must_be_named(scene: Scene) -> None:
    """Without device type and device, the answer says what to name."""
    assert "name a device_type" in (await scene.problem("/readings"))["detail"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/csv", "text/csv"),
        ("text/*;q=0.9, application/json;q=0.1", "text/csv"),
        ("text/html, */*;q=0.1", "application/json"),
    ],
)
async def test_accept_chooses_the_format(scene: Scene, accept: str, kind: str) -> None:
    """The ``Accept`` header chooses between JSON and CSV."""
    response = await scene.client.get("/api/v1/readings?device_type=lamp", headers={"Accept": accept})

    assert response.headers["content-type"].partition(";")[0] == kind


async def test_no_such_format(scene: Scene) -> None:
    """A format that nobody writes is answered with those that there are."""
    response = await scene.client.get("/api/v1/readings?device_type=lamp", headers={"Accept": "image/png"})

    problem = problem_of(response)
    assert problem["status"] == 406
    assert "text/csv" in problem["detail"]


@pytest.mark.usefixtures("rows")
async def test_format_wins_over_accept(scene: Scene) -> None:
    """``?format=`` is for addresses in a browser, whose ``Accept`` nobody chooses."""
    response = await scene.client.get(
        "/api/v1/readings?device_type=lamp&format=csv&limit=2", headers={"Accept": "application/json"}
    )

    lines = list(csv.reader(io.StringIO(response.text)))
    assert lines == [
        ["device", "time", "received_at", "power_w", "lamp_on", "flags", "simulated", "version"],
        [LAMP, "2026-03-29T06:00:00Z", "2026-03-29T06:00:01Z", "40.5", "on", "", "false", "1"],
        [PROBE, "2026-03-29T06:00:00Z", "2026-03-29T06:00:01Z", "40.5", "on", "", "true", "1"],
    ]
    assert 'rel="next"' in response.headers["link"]


@pytest.mark.usefixtures("rows")
async def test_csv_tells_units(scene: Scene) -> None:
    """``header=units`` adds a second header row with the UCUM units; unknown values are empty, flags are told."""
    response = await scene.get("/readings", device=LAMP, format="csv", header="units")

    lines = list(csv.reader(io.StringIO(response.text)))
    assert lines[1] == ["", "UTC", "UTC", "W", "", "", "", ""]
    assert lines[3][3:6] == ["", "", "power_w:range time:implausible"]


async def test_latest_is_as_documented(scene: Scene) -> None:
    """Each device comes with the newest value of each field, with its own time, page by page in order of id."""
    values = {"power_w": LatestValue(value=41.5, time=NOW), "lamp_on": LatestValue(value="on", time=NOW)}
    for device in (PROBE, LAMP):
        scene.memory.latest[device] = Seen(NOW, NOW, NOW, NOW, (), values)

    response = await scene.get("/latest", device_type="lamp", limit=1)

    answer = Page[LatestOut].model_validate_json(response.content, strict=True)
    assert answer.items[0].device.id == LAMP
    assert answer.items[0].values["power_w"].value == 41.5
    second = (await scene.client.get(response.links["next"]["url"])).json()
    assert [one["device"]["id"] for one in second["items"]] == [PROBE]
    assert second["next_cursor"] is None


async def test_latest_of_one_device(scene: Scene) -> None:
    """A device may be written in any spelling, and must be known."""
    assert (await scene.json("/latest", device=LAMP.upper()))["items"] == []
    assert (await scene.problem("/latest", device="nobody"))["status"] == 404


async def test_a_made_up_cursor_is_refused(scene: Scene) -> None:
    """A cursor that we did not make is refused by an answer that says where to take one."""
    assert "next_cursor" in (await scene.problem("/latest", cursor="ü"))["detail"]
