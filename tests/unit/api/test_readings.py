"""What /readings and /latest promise."""

import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow.ipc
import pyarrow.parquet
import pytest

from api.app import ApiConfig
from api.formats import MEDIA_TYPES
from api.schemas import BucketsOut, LatestOut, Page, ReadingsOut
from model.errors import UnavailableError
from model.ports import ArrowBatch
from model.views import LatestValue, ReadingRow
from tests.fakes.memory import Seen
from tests.unit.api.scene import BIN, LAMP, NOW, PROBE, Scene, problem_of, scene_of


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


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet", "arrow"])
async def test_a_stream_is_the_whole_range(scene: Scene, kind: str) -> None:
    """CSV, NDJSON, Parquet and Arrow tell the same readings as the pages of JSON, in order, without a limit."""
    response = await scene.get("/readings", device_type="lamp", format=kind)

    expected = (await scene.json("/readings", device_type="lamp"))["items"]
    assert response.headers["content-type"].partition(";")[0] == MEDIA_TYPES[kind]  # type: ignore[index]
    assert [plain(row) for row in told(kind, response.content)] == [plain(row) for row in expected]


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet", "arrow"])
async def test_a_stream_of_nothing_is_whole(scene: Scene, kind: str) -> None:
    """A range without readings is a document of no rows, not a broken one."""
    response = await scene.get("/readings", device_type="lamp", format=kind)

    assert response.status_code == 200
    assert told(kind, response.content) == []


@pytest.mark.usefixtures("rows")
async def test_columns_of_a_stream_tell_their_units(scene: Scene) -> None:
    """Parquet's columns know unit, quantity and titles in both languages."""
    response = await scene.get("/readings", device_type="lamp", format="parquet", fields="power_w")

    power = pyarrow.parquet.read_schema(io.BytesIO(response.content)).field("power_w")
    assert power.metadata[b"unit"] == b"W"
    assert power.metadata[b"title_fr"] == b"Puissance"


@pytest.mark.parametrize("query", [{"limit": 5}, {"order": "desc"}, {"cursor": "abc"}])
async def test_a_stream_has_no_pages(scene: Scene, query: dict[str, str]) -> None:
    """What only pages have is refused of a stream, by an answer that says what to leave out."""
    problem = await scene.problem("/readings", device_type="lamp", format="parquet", **query)

    assert "leave out limit" in problem["detail"]


async def test_a_stream_says_its_limit(scene: Scene) -> None:
    """More readings than a stream gives are refused before anything is read, with what to ask instead."""
    long_ago = {"from": "1970-01-01T00:00:00Z", "to": "9999-01-01T00:00:00Z"}

    problem = await scene.problem("/readings", device=LAMP, format="arrow", **long_ago)

    assert "50,000,000" in problem["detail"]
    assert "shorter range" in problem["detail"]


async def test_as_many_streams_as_there_may_be() -> None:
    """One stream too many is told to come back; it costs the others nothing."""
    scene = scene_of(ApiConfig(max_exports=0))

    response = await scene.get("/readings", device_type="lamp", format="arrow")

    assert problem_of(response)["status"] == 503
    assert response.headers["retry-after"] == "30"


async def test_what_fails_before_the_first_row_is_told() -> None:
    """A database that does not answer is a problem document, not a broken stream."""
    scene = scene_of(exports=Failing())

    problem = await scene.problem("/readings", device_type="lamp", format="parquet")

    assert problem["status"] == 503


class Failing:
    """Exports of a database that does not answer."""

    answers: Sequence[ArrowBatch] = ()

    async def batches(self, *_: object, **__: object) -> AsyncIterator[ArrowBatch]:
        """Fail when the first batch is asked for."""
        for answer in self.answers:
            yield answer
        raise UnavailableError("the database does not answer")


@pytest.mark.usefixtures("rows")
async def test_what_is_known_is_not_sent_again(scene: Scene) -> None:
    """Who shows the tag of an answer gets 304 and no body, until a reading more is there."""
    first = await scene.get("/readings", device=LAMP)
    tag = {"If-None-Match": first.headers["etag"]}

    again = await scene.client.get(f"/api/v1/readings?device={LAMP}", headers=tag)
    rows = scene.memory.rows["lamp"]
    late = replace(rows[LAMP, NOW], time=NOW + timedelta(minutes=9))
    rows[LAMP, late.time] = late
    changed = await scene.client.get(f"/api/v1/readings?device={LAMP}", headers=tag)

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert (changed.status_code, len(changed.json()["items"])) == (200, 6)


@pytest.mark.parametrize(
    ("query", "policy"),
    [
        ({"to": "2026-03-29T05:00:00Z"}, "private, max-age=300"),
        ({"to": "2026-03-29T05:30:00Z"}, "private, no-cache"),
        ({}, "private, no-cache"),
    ],
)
@pytest.mark.parametrize("kind", ["json", "arrow"])
async def test_only_what_is_over_is_kept(scene: Scene, query: dict[str, str], policy: str, kind: str) -> None:
    """A range that ended an hour ago may be kept for a while; one that reaches nearer to now is asked for again."""
    response = await scene.get("/readings", device_type="lamp", format=kind, **query)

    assert response.headers["cache-control"] == policy


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("query", "device"),
    [
        ({"district": "Siam"}, PROBE),
        ({"experiment": "dim"}, PROBE),
        ({"tag": "street"}, PROBE),
        ({"tag": "street:rue de Siam"}, PROBE),
        ({"district": "Recouvrance", "device_type": "lamp"}, LAMP),
    ],
)
async def test_devices_are_found(scene: Scene, query: dict[str, str], device: str) -> None:
    """Devices are chosen by district, experiment or tag; a type follows from them."""
    scene.memory.add(
        replace(
            scene.memory.devices[PROBE], district="Siam", experiment="dim", tags={"street": "rue de Siam", "row": "2"}
        )
    )

    answer = await scene.json("/readings", **query)

    assert {row["device"] for row in answer["items"]} == {device}


async def test_who_is_not_found_is_told(scene: Scene) -> None:
    """A filter that fits nobody is a problem that says it, not all devices and not none."""
    problem = await scene.problem("/readings", device_type="lamp", district="Nowhere", tag="street:x")

    assert problem["status"] == 404
    assert "'Nowhere' and tag 'street:x'" in problem["detail"]


def told(kind: str, content: bytes) -> list[dict[str, Any]]:
    """Return the rows that a stream told, as JSON has them."""
    if kind == "ndjson":
        return [json.loads(line) for line in content.splitlines()]
    if kind == "csv":
        return [csv_row(row) for row in csv.DictReader(io.StringIO(content.decode()))]
    if kind == "parquet":
        return [of_columns(row) for row in pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()]
    return [of_columns(row) for row in pyarrow.ipc.open_stream(content).read_all().to_pylist()]


def csv_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a line of CSV as JSON has it."""
    power = float(row["power_w"]) if row["power_w"] else None
    return {
        **row,
        "values": {"power_w": power, "lamp_on": row["lamp_on"] or None},
        "flags": row["flags"].split(),
        "simulated": row["simulated"] == "true",
    }


def of_columns(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of columns as JSON has it."""
    return {
        **row,
        "time": row["time"].isoformat(),
        "received_at": row["received_at"].isoformat(),
        "values": {name: row[name] for name in ("power_w", "lamp_on")},
        "flags": row["flags"] or [],
    }


def plain(row: dict[str, Any]) -> tuple[object, ...]:
    """Return what a row says, however its times are written."""
    times = [datetime.fromisoformat(row[name]) for name in ("time", "received_at")]
    return (row["device"], *times, row["values"], row["flags"], row["simulated"], row["version"])


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("aggregation", "value"),
    [("mean", 42.75), ("min", 40.5), ("max", 44.5), ("sum", 171.0), ("count", 4), ("last", 44.5)],
)
async def test_readings_are_summed_up(scene: Scene, aggregation: str, value: float) -> None:
    """A resolution gives a row for each device and bucket, its values made as asked."""
    response = await scene.get("/readings", device=LAMP, resolution="1h", aggregation=aggregation, **DAY)

    answer = BucketsOut.model_validate_json(response.content, strict=True)
    assert [row.values for row in answer.items] == [{"power_w": value}]
    assert answer.units == {"power_w": "" if aggregation == "count" else "W"}
    assert (answer.resolution, answer.items[0].time) == ("1h", NOW)


@pytest.mark.usefixtures("rows")
async def test_a_day_is_the_citys(scene: Scene) -> None:
    """``day`` is a day of the city's time zone: that of the change of clocks begins at 23:00 UTC and has 23 hours."""
    answer = await scene.json("/readings", device=LAMP, resolution="day", **DAY)

    assert answer["items"][0]["time"] == "2026-03-28T23:00:00Z"
    assert (answer["start"], answer["end"]) == ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z")


@pytest.mark.usefixtures("rows")
async def test_buckets_have_pages_and_streams(scene: Scene) -> None:
    """Pages of buckets are chained; a stream tells all of them."""
    query = {"device_type": "lamp", "resolution": "1min", **DAY}
    rows: list[Any] = []
    cursor = None
    while cursor or not rows:
        more: dict[str, Any] = {"cursor": cursor} if cursor else {}
        answer = await scene.json("/readings", limit=2, **query, **more)
        rows += answer["items"]
        cursor = answer["next_cursor"]

    stream = await scene.get("/readings", format="ndjson", **query)

    assert len(rows) == 5
    told = [json.loads(line) for line in stream.content.splitlines()]
    assert [(row["device"], row["values"]) for row in told] == [(row["device"], row["values"]) for row in rows]


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"aggregation": "mean"}, "resolution=1h"),
        ({"resolution": "1h"}, "add from"),
        ({"resolution": "1h", "aggregation": "lttb", "from": "2026-03-29T00:00:00Z"}, "leave out resolution"),
        ({"resolution": "1h", "order": "desc", "from": "2026-03-29T00:00:00Z"}, "leave out order"),
        ({"aggregation": "lttb", "limit": 5}, "no pages"),
        ({"resolution": "1h", "fields": "lamp_on", "from": "2026-03-29T00:00:00Z"}, "is text"),
    ],
)
async def test_what_does_not_go_together_is_told(scene: Scene, query: dict[str, str], word: str) -> None:
    """Each combination that makes no sense is refused with what to change."""
    assert word in (await scene.problem("/readings", device=LAMP, **query))["detail"]


@pytest.mark.parametrize("kind", ["json", "arrow"])
async def test_readings_are_thinned_out(scene: Scene, kind: str) -> None:
    """``lttb`` keeps as many readings of each device as asked, as they are, the highest among them."""
    scene.memory.rows["lamp"] = {
        (device, NOW + timedelta(minutes=minute)): ReadingRow(
            device=device,
            time=NOW + timedelta(minutes=minute),
            received_at=NOW,
            values={"power_w": 99.0 if minute == 37 else 1.0, "lamp_on": "on"},
            version="1",
        )
        for device in (LAMP, PROBE)
        for minute in range(60)
    }

    response = await scene.get("/readings", device_type="lamp", aggregation="lttb", points=6, format=kind)

    rows = response.json()["items"] if kind == "json" else told(kind, response.content)
    assert len(rows) == 12
    assert sum(row["values"]["power_w"] == 99.0 for row in rows) == 2
    assert rows == sorted(rows, key=lambda row: (row["time"], row["device"]))


DAY = {"from": "2026-03-29T00:00:00Z", "to": "2026-03-29T12:00:00Z"}
