"""What a SensorThings service promises its clients: the checks that the standard's own test suites make of reading.

Which they are follows FROST-Server's tests of the sensing core, of filtering, of shapes, JSON and data arrays,
in words and code of our own. They run on the fakes and on every real database: a module that runs them makes
a class from ``Conformance`` and a fixture ``town``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Protocol
from urllib.parse import quote

import httpx
import pytest

from decoders.catalogue import Catalogue
from model.batch import Batch, Written
from model.device import Device, DeviceRef, DeviceType, State
from tests.unit.api.scene import BIN, BIN_FILE, LAMP, LAMP_FILE, MAST_SCRIPT, PROBE
from tests.unit.storage.batches import Builder

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TRAM = "tram-1"
TRAM_FILE = """
title = { en = "Tram", fr = "Tramway" }
vendor = "Example"
model = "T"
domain = "mobility"
networks = ["native"]
period = "10 s"
source = "made up"

[[frame]]
name = "status"
f_port = 1
layout = '''
latitude_deg i32 / 10000000
longitude_deg i32 / 10000000
speed_kmh u8
'''

[field.latitude_deg]
title = { en = "Latitude", fr = "Latitude" }
quantity = "latitude"
range = [-90, 90]

[field.longitude_deg]
title = { en = "Longitude", fr = "Longitude" }
quantity = "longitude"
range = [-180, 180]

[field.speed_kmh]
title = { en = "Speed", fr = "Vitesse" }
quantity = "speed"
range = [0, 100]

[[example]]
name = "standing"
f_port = 1
payload = "1cd8a7a0 fd52ebc0 00"
values = { latitude_deg = 48.39, longitude_deg = -4.49, speed_kmh = 0.0 }
"""
FILES = {"lamp": LAMP_FILE, "bin": BIN_FILE, "tram": TRAM_FILE}
TYPES: Sequence[DeviceType] = Catalogue(FILES, {"mast.js": MAST_SCRIPT}).types()
BREST = "POLYGON ((-4.495 48.35, -4.495 48.45, -4.40 48.45, -4.40 48.35, -4.495 48.35))"
DEVICES = (
    Device(
        id=LAMP,
        type="lamp",
        name="Lampe 1",
        network="chirpstack",
        district="Recouvrance",
        latitude=48.38,
        longitude=-4.49,
        tags={"pole": "7", "owner's": "ville"},
    ),
    Device(
        id=PROBE, type="lamp", name="Lampe 2", network="chirpstack", simulated=True, latitude=48.39, longitude=-4.50
    ),
    Device(id=BIN, type="bin", network="sigfox", experiment="tri"),
    Device(id=TRAM, type="tram", name="Rame 1", network="native"),
)
SETS: Mapping[str, tuple[str, ...]] = {
    "Things": ("name", "description", "properties"),
    "Locations": ("name", "description", "encodingType", "location"),
    "HistoricalLocations": ("time",),
    "Datastreams": ("name", "description", "unitOfMeasurement", "observationType"),
    "Sensors": ("name", "description", "encodingType", "metadata"),
    "ObservedProperties": ("name", "definition", "description"),
    "Observations": ("phenomenonTime", "result", "resultTime"),
    "FeaturesOfInterest": ("name", "description", "encodingType", "feature"),
}
RELATIONS: Mapping[str, Mapping[str, str]] = {
    "Things": {s: s for s in ("Locations", "HistoricalLocations", "Datastreams")},
    "Locations": {s: s for s in ("Things", "HistoricalLocations")},
    "HistoricalLocations": {"Thing": "Things", "Locations": "Locations"},
    "Datastreams": {
        "Thing": "Things",
        "Sensor": "Sensors",
        "ObservedProperty": "ObservedProperties",
        "Observations": "Observations",
    },
    "Sensors": {"Datastreams": "Datastreams"},
    "ObservedProperties": {"Datastreams": "Datastreams"},
    "Observations": {"Datastream": "Datastreams", "FeatureOfInterest": "FeaturesOfInterest"},
    "FeaturesOfInterest": {"Observations": "Observations"},
}
POWER = f"{LAMP}:power_w"


class Sink(Protocol):
    """Where readings go."""

    async def write(self, batch: Batch) -> Written:
        """Store them."""


class Register(Protocol):
    """Where devices are registered."""

    async def register(self, devices: Sequence[Device]) -> Mapping[str, str]:
        """Register them."""

    async def identify(self, devices: Sequence[str]) -> Mapping[str, DeviceRef]:
        """Return what is known of them."""


@dataclass
class Town:
    """A service with a few devices and readings behind it."""

    client: httpx.AsyncClient
    sink: Sink
    registry: Register

    async def fill(self) -> None:
        """Register the devices and store their readings."""
        await self.registry.register(DEVICES)
        builder = Builder(await self.registry.identify([device.id for device in DEVICES]))
        for n in range(10):
            builder.frame(LAMP, NOON + n * HOUR, {"power_w": float(n), "lamp_on": "on" if n % 2 else "off"})
        builder.frame(PROBE, NOON, {"power_w": 500.0, "lamp_on": "on"}, flags=("out_of_range",), simulated=True)
        builder.frame(PROBE, NOON + HOUR, {"power_w": 3.0})
        builder.frame(TRAM, NOON, {"latitude_deg": 48.40, "longitude_deg": -4.48, "speed_kmh": 20.0})
        builder.frame(TRAM, NOON + HOUR, {"latitude_deg": 48.41, "longitude_deg": -4.47, "speed_kmh": 0.0})
        await self.sink.write(builder.build(TYPES))

    async def get(self, path: str, status: int = 200) -> Any:  # noqa: ANN401  JSON is what it is
        """Return the document at a path under the service, or at a whole address."""
        response = await self.client.get(path if path.startswith("http") else f"/sta/v1.1/{path}")
        assert response.status_code == status, f"{path}: {response.text}"
        return response.json()

    async def refused(self, path: str, status: int) -> str:
        """Return the message of a refusal, which must have the form that clients expect."""
        document = await self.get(path, status)
        assert document["code"] == status
        assert document["type"] == "error"
        return str(document["message"])

    async def values(self, path: str) -> list[Any]:
        """Return a whole collection, page by page."""
        found = []
        following: str | None = path
        while following is not None:
            document = await self.get(following)
            found += document["value"]
            following = document.get("@iot.nextLink")
        return found

    async def results(self, condition: str, stream: str = POWER) -> list[Any]:
        """Return the results of a datastream of which a condition holds."""
        path = f"Datastreams('{stream}')/Observations?$filter={quote(condition)}&$orderby=phenomenonTime"
        return [one["result"] for one in await self.values(path)]

    async def ids(self, entities: str, condition: str) -> list[str]:
        """Return the ids of the entities of which a condition holds."""
        return [one["@iot.id"] for one in await self.values(f"{entities}?$filter={quote(condition)}")]


class Conformance:
    """The promises."""

    # The core

    async def test_the_root_names_every_set(self, town: Town) -> None:
        """The service's root lists all sets with addresses that answer, and says what it conforms to."""
        root = await town.get("")

        assert {one["name"] for one in root["value"]} == set(SETS)
        assert root["serverSettings"]["conformance"]
        for one in root["value"]:
            assert "value" in await town.get(one["url"])

    async def test_every_set_is_read(self, town: Town) -> None:
        """Each entity of each set has its id, its own address, what the standard asks of it, and all its relations."""
        await town.fill()
        for name, properties in SETS.items():
            entities = await town.values(name)
            assert entities, name
            assert len({one["@iot.id"] for one in entities}) == len(entities)
            for one in entities:
                assert {"@iot.id", "@iot.selfLink", *properties} <= one.keys()
                links = {f"{relation}@iot.navigationLink" for relation in RELATIONS[name]}
                assert links == {key for key in one if key.endswith("@iot.navigationLink")}

    async def test_every_entity_is_found_by_its_address(self, town: Town) -> None:
        """What stands at an entity's own address is that entity; single properties and their bare values, too."""
        await town.fill()
        for name, properties in SETS.items():
            for one in (await town.values(name))[:3]:
                assert await town.get(one["@iot.selfLink"]) == one
                for each in properties:
                    assert await town.get(f"{one['@iot.selfLink']}/{each}") == {each: one[each]}
        response = await town.client.get(f"/sta/v1.1/Things('{LAMP}')/name/$value")
        assert (response.text, response.headers["content-type"]) == ("Lampe 1", "text/plain; charset=utf-8")
        assert await town.get(f"Things('{LAMP}')/properties/tags/pole") == {"pole": "7"}
        assert await town.get(f"Datastreams('{POWER}')/unitOfMeasurement/symbol") == {"symbol": "W"}
        result = await town.client.get(f"/sta/v1.1/Observations('{POWER}:{int(NOON.timestamp())}000000')/result/$value")
        assert result.text == "0.0"

    async def test_what_is_not_there(self, town: Town) -> None:
        """An id, a set, a property or a relation that is not there is answered by 404 with a message."""
        await town.fill()
        for name in SETS:
            assert "there is no" in await town.refused(f"{name}('nothing')", 404)
        for path in (
            "Nonsense",
            f"Things('{LAMP}')/nonsense",
            f"Things('{LAMP}')/Sensor",
            "Things/name",
            "Things('a",
            "Things(1)/",
        ):
            assert await town.refused(path, 404)
        assert await town.refused(f"Things('{LAMP}')/Datastreams('{PROBE}:power_w')", 404)
        assert await town.refused(f"Datastreams('{PROBE}:power_w')/Observations('{POWER}:1774699200000000')", 404)
        assert await town.refused(f"Things('{BIN}')/Locations('{BIN}')", 404)
        assert await town.refused("Observations('x:y:99999999999999999999999')", 404)

    async def test_every_relation_leads_on(self, town: Town) -> None:
        """Each relation of each entity leads to entities of the right kind, and from there each relation goes on."""
        await town.fill()
        for name in SETS:
            for one in (await town.values(name))[:2]:
                for relation, target in RELATIONS[name].items():
                    found = await town.get(one[f"{relation}@iot.navigationLink"])
                    for inner in (found["value"] if relation in SETS else [found])[:1]:
                        assert set(SETS[target]) <= inner.keys()
                        for further, last in RELATIONS[target].items():
                            two = await town.get(f"{inner['@iot.selfLink']}/{further}")
                            assert all(set(SETS[last]) <= each.keys() for each in two.get("value", [two]))

    async def test_a_long_path(self, town: Town) -> None:
        """A path goes through entities and relations to one, as far as they lead."""
        await town.fill()

        thing = await town.get(
            f"Things('{LAMP}')/Datastreams('{POWER}')/Observations('{POWER}:1774699200000000')/Datastream/Thing"
        )
        assert thing["@iot.id"] == LAMP
        assert (await town.get(f"Datastreams('{POWER}')/Sensor/name")) == {"name": "Lamp"}

    async def test_only_references(self, town: Town) -> None:
        """``$ref`` tells addresses and nothing else."""
        await town.fill()

        found = await town.get("Things/$ref?$top=2")
        more = await town.get(found["@iot.nextLink"])
        assert [list(one) for one in found["value"]] == [["@iot.selfLink"]] * 2
        assert len(more["value"]) == 2
        assert await town.get(f"Datastreams('{POWER}')/Thing/$ref") == {
            "@iot.selfLink": f"http://test/sta/v1.1/Things('{LAMP}')"
        }

    async def test_nothing_is_written(self, town: Town) -> None:
        """Whoever writes is told that this is for reading, and nothing changes."""
        await town.fill()
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            response = await town.client.request(method, f"/sta/v1.1/Things('{LAMP}')", json={"name": "x"})
            assert response.status_code == 405
            assert response.json()["code"] == 405
            assert response.headers["allow"] == "GET, HEAD"
        assert (await town.get(f"Things('{LAMP}')/name")) == {"name": "Lampe 1"}

    # Which, how many, in which order

    async def test_select(self, town: Town) -> None:
        """Only what is selected is told, of sets and of entities; within objects, too."""
        await town.fill()
        for name, properties in SETS.items():
            for one in await town.values(f"{name}?$select={properties[0]}"):
                assert list(one) == [properties[0]]
        one = await town.get(f"Things('{LAMP}')?$select=id,name,properties/district,Datastreams")
        assert one == {
            "@iot.id": LAMP,
            "name": "Lampe 1",
            "properties": {"district": "Recouvrance"},
            "Datastreams@iot.navigationLink": f"http://test/sta/v1.1/Things('{LAMP}')/Datastreams",
        }

    async def test_expand(self, town: Town) -> None:
        """Each relation of each set is put in where it is asked for, and no link stands in its place then."""
        await town.fill()
        for name, relations in RELATIONS.items():
            whole = ",".join(relations)
            for one in (await town.values(f"{name}?$expand={whole}"))[:3]:
                for relation, target in relations.items():
                    assert f"{relation}@iot.navigationLink" not in one
                    inner = one[relation]
                    assert isinstance(inner, list) == (relation in SETS)
                    for each in inner if isinstance(inner, list) else [inner] if inner else []:
                        assert set(SETS[target]) <= each.keys()

    async def test_expand_two_levels(self, town: Town) -> None:
        """What is put in can have relations put in: with a slash or in brackets, with options of their own."""
        await town.fill()

        slashes = await town.get(f"Things('{LAMP}')?$expand=Datastreams/Sensor,Datastreams/ObservedProperty")
        brackets = await town.get(f"Things('{LAMP}')?$expand=Datastreams($expand=Sensor,ObservedProperty)")
        newest = await town.get(
            f"Things('{LAMP}')?$select=name&$expand=Datastreams($select=id;$filter=unitOfMeasurement/symbol eq 'W';"
            "$count=true;$expand=Observations($select=result;$orderby=phenomenonTime desc;$top=2;$filter=result lt 8))"
        )
        assert slashes == brackets
        assert [one["Sensor"]["@iot.id"] for one in slashes["Datastreams"]] == ["lamp", "lamp"]
        assert [one["ObservedProperty"]["@iot.id"] for one in slashes["Datastreams"]] == ["state", "power"]
        [stream] = newest["Datastreams"]
        assert newest["Datastreams@iot.count"] == 1
        assert stream["Observations"] == [{"result": 7.0}, {"result": 6.0}]
        more = await town.get(stream["Observations@iot.nextLink"])
        assert more["value"] == [{"result": 5.0}, {"result": 4.0}]

    async def test_the_newest_value_of_everything(self, town: Town) -> None:
        """A map's question: every thing with its place and the newest value of each datastream, in one request."""
        await town.fill()

        things = await town.values(
            "Things?$expand=Locations($select=location),"
            "Datastreams($expand=Observations($orderby=phenomenonTime desc;$top=1;$select=result))"
        )
        told = {
            one["name"]: (
                [place["location"]["coordinates"] for place in one["Locations"]],
                {
                    stream["properties"]["field"]: [seen["result"] for seen in stream["Observations"]]
                    for stream in one["Datastreams"]
                },
            )
            for one in things
        }
        assert told == {
            BIN: ([], {"power_w": [], "lamp_on": []}),
            "Lampe 1": ([[-4.49, 48.38]], {"power_w": [9.0], "lamp_on": ["on"]}),
            "Lampe 2": ([[-4.5, 48.39]], {"power_w": [3.0], "lamp_on": ["on"]}),
            "Rame 1": ([[-4.47, 48.41]], {"latitude_deg": [48.41], "longitude_deg": [-4.47], "speed_kmh": [0.0]}),
        }

    async def test_top_skip_and_the_next_page(self, town: Town) -> None:
        """Pages of any size together are the whole set, each entity once; what was skipped stays away."""
        await town.fill()
        for name in SETS:
            whole = [one["@iot.id"] for one in await town.values(name)]
            for size in (1, 3):
                first = await town.get(f"{name}?$top={size}")
                assert len(first["value"]) == min(size, len(whole))
                assert ("@iot.nextLink" in first) == (len(whole) > size)
                assert [one["@iot.id"] for one in await town.values(f"{name}?$top={size}")] == whole
            assert [one["@iot.id"] for one in await town.values(f"{name}?$skip=1&$top=2")] == whole[1:]
            assert (await town.get(f"{name}?$top=0"))["value"] == []
            assert (await town.get(f"{name}?$skip=1000"))["value"] == []

    async def test_count(self, town: Town) -> None:
        """The count is of all of which the filter holds, whatever page is told; it is told only if asked for."""
        await town.fill()
        for name in SETS:
            whole = await town.values(name)
            assert (await town.get(f"{name}?$count=true&$top=0")) == {"@iot.count": len(whole), "value": []}
            assert (await town.get(f"{name}?$count=true&$top=1&$skip=1"))["@iot.count"] == len(whole)
            assert "@iot.count" not in await town.get(f"{name}?$count=false")
        found = await town.get("Observations?$filter=result gt 5&$count=true&$top=1")
        assert found["@iot.count"] == 8

    async def test_order(self, town: Town) -> None:
        """Entities are in the order asked for, up or down, on every page."""
        await town.fill()
        for name, key in (
            ("Things", "name"),
            ("Datastreams", "name"),
            ("Sensors", "name"),
            ("Observations", "phenomenonTime"),
            ("Observations", "resultTime"),
            ("ObservedProperties", "definition"),
            ("Locations", "description"),
            ("FeaturesOfInterest", "name"),
        ):
            up = await town.values(f"{name}?$orderby={key}&$top=2")
            down = await town.values(f"{name}?$orderby={key} desc&$top=2")
            assert all(one[key] <= other[key] for one, other in pairwise(up)), name
            assert all(one[key] >= other[key] for one, other in pairwise(down)), name
            assert len(up) == len(down) == len(await town.values(name))

    async def test_order_by_several(self, town: Town) -> None:
        """Several orders hold one within the other; through a relation to one, too; what is null comes last."""
        await town.fill()

        streams = await town.values("Datastreams?$orderby=ObservedProperty/name desc,Thing/name asc&$top=2")
        told = [(one["properties"]["quantity"], one["@iot.id"].split(":")[0]) for one in streams]
        assert told[:3] == [("state", BIN), ("state", LAMP), ("state", PROBE)]
        assert told[3] == ("speed", TRAM)
        things = await town.values("Things?$orderby=properties/district,id desc&$top=1")
        assert [one["@iot.id"] for one in things] == [LAMP, TRAM, PROBE, BIN]
        results = await town.values(f"Datastreams('{POWER}')/Observations?$orderby=result desc,id&$top=3")
        assert [one["result"] for one in results] == [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0]

    async def test_everything_together(self, town: Town) -> None:
        """Filter comes first, then count, order, skip and top."""
        await town.fill()

        found = await town.get(
            f"Datastreams('{POWER}')/Observations?$count=true&$top=2&$skip=1&$orderby=result desc"
            "&$filter=result gt 3 and result le 8&$select=result"
        )
        assert found["@iot.count"] == 5
        assert found["value"] == [{"result": 7.0}, {"result": 6.0}]
        rest = await town.values(found["@iot.nextLink"])
        assert rest == [{"result": 5.0}, {"result": 4.0}]

    # Filters

    @pytest.mark.parametrize("quantity", ["result", "phenomenonTime"])
    async def test_comparisons(self, town: Town, quantity: str) -> None:
        """Each comparison holds of what it should, for numbers and for times."""
        await town.fill()
        at = "4" if quantity == "result" else "2026-03-28T16:00:00Z"
        numbers = [float(n) for n in range(10)]

        assert await town.results(f"{quantity} lt {at}") == numbers[:4]
        assert await town.results(f"{quantity} le {at}") == numbers[:5]
        assert await town.results(f"{quantity} eq {at}") == [4.0]
        assert await town.results(f"{quantity} ne {at}") == numbers[:4] + numbers[5:]
        assert await town.results(f"{quantity} ge {at}") == numbers[4:]
        assert await town.results(f"{quantity} gt {at}") == numbers[5:]
        assert await town.results(f"{at} gt {quantity}") == numbers[:4]

    async def test_and_or_not_and_reckoning(self, town: Town) -> None:
        """``and`` binds closer than ``or``, brackets closer than both; numbers are reckoned as in school."""
        await town.fill()
        for condition, results in (
            ("result eq 2 and result eq 1 or result eq 1", [1.0]),
            ("(result eq 2 and result eq 1) or result eq 1", [1.0]),
            ("result eq 2 and (result eq 1 or result eq 1)", []),
            ("not result lt 1 and not result gt 1", [1.0]),
            ("1 add result mul 2 sub -1 eq 4", [1.0]),
            ("6 div 2 sub result eq 2", [1.0]),
            ("1 add 2 mod (result add 1) eq 1 and result lt 2", [0.0, 1.0]),
            ("result in (2, 4)", [2.0, 4.0]),
            ("true", [float(n) for n in range(10)]),
            ("false or 1 eq 2", []),
        ):
            assert await town.results(condition) == results, condition

    async def test_times(self, town: Town) -> None:
        """Functions of time look at UTC, and now is when the service is asked."""
        await town.fill()
        for condition, results in (
            ("hour(phenomenonTime) eq 15", [3.0]),
            ("day(phenomenonTime) eq 28 and hour(phenomenonTime) lt 14", [0.0, 1.0]),
            ("year(resultTime) eq 2026 and month(resultTime) eq 3 and second(resultTime) eq 1 and result lt 1", [0.0]),
            ("minute(phenomenonTime) eq 0 and result eq 5", [5.0]),
            ("date(phenomenonTime) eq 2026-03-28 and time(phenomenonTime) ge 20:00", [8.0, 9.0]),
            ("phenomenonTime gt now()", []),
            ("phenomenonTime gt now() sub duration'PT10H' and phenomenonTime lt now()", [9.0]),
            ("during(phenomenonTime, 2026-03-28T13:00:00Z/2026-03-28T14:00:00Z)", [1.0, 2.0]),
            ("phenomenonTime lt 2026-03-28T14:00:00+01:00", [0.0]),
            ("phenomenonTime gt mindatetime() and phenomenonTime lt maxdatetime() and result eq 5", [5.0]),
        ):
            assert await town.results(condition) == results, condition
        assert await town.ids(
            "Datastreams", "phenomenonTime gt 2026-03-28T11:00:00Z and after(now(), phenomenonTime)"
        ) == [
            f"{LAMP}:lamp_on",
            POWER,
            f"{PROBE}:lamp_on",
            f"{PROBE}:power_w",
            f"{TRAM}:latitude_deg",
            f"{TRAM}:longitude_deg",
            f"{TRAM}:speed_kmh",
        ]
        assert await town.ids("Datastreams", "overlaps(phenomenonTime, 2026-03-28T20:00:00Z/2026-03-28T22:00:00Z)") == [
            f"{LAMP}:lamp_on",
            POWER,
        ]

    async def test_texts(self, town: Town) -> None:
        """Functions of texts hold of names, and of results that are texts."""
        await town.fill()
        for condition, things in (
            ("substringof('ampe', name)", [LAMP, PROBE]),
            ("contains(name, 'Rame')", [TRAM]),
            ("startswith(name, 'Lampe') and endswith(name, '2')", [PROBE]),
            ("toupper(name) eq 'LAMPE 1' or tolower(name) eq 'rame 1'", [LAMP, TRAM]),
            ("length(name) eq 6", [TRAM]),
            ("indexof(name, '1') eq 6", [LAMP]),
            ("concat(concat(name, ' '), properties/district) eq 'Lampe 1 Recouvrance'", [LAMP]),
            ("substring(name, 6) eq '1'", [LAMP]),
            ("trim(name) eq name and id eq 'tram-1'", [TRAM]),
            ("properties/tags/owner eq 'ville'", []),
        ):
            assert await town.ids("Things", condition) == things, condition
        assert await town.results("result eq 'on'", f"{LAMP}:lamp_on") == ["on"] * 5
        assert await town.results("startswith(result, 'of')", f"{LAMP}:lamp_on") == ["off"] * 5

    async def test_null(self, town: Town) -> None:
        """What is not there is null, also what is reached through a relation that leads nowhere."""
        await town.fill()

        assert await town.ids("Things", "properties/district eq null") == [BIN, PROBE, TRAM]
        assert await town.ids("Things", "properties/district ne null") == [LAMP]
        assert await town.ids("Things", "properties/nothing/deeper eq null and name eq 'Rame 1'") == [TRAM]
        assert await town.ids("Things", "Locations/id eq null") == [BIN]
        assert await town.ids("Things", "properties/district gt null or not (properties/district lt null)") == []

    async def test_json_properties(self, town: Town) -> None:
        """Objects within properties are asked by their path: texts, truths, numbers; units as well."""
        await town.fill()

        assert await town.ids("Things", "properties/tags/pole eq '7'") == [LAMP]
        assert await town.ids("Things", "properties/simulated eq true") == [PROBE]
        assert await town.ids("Things", "not properties/simulated and properties/deviceType eq 'lamp'") == [LAMP]
        assert await town.ids("Sensors", "properties/periodSeconds lt 60") == ["tram"]
        assert await town.ids("Sensors", "properties/networks[0] eq 'sigfox'") == ["bin"]
        assert await town.ids("Sensors", "'lorawan' in properties/networks") == ["lamp"]
        assert await town.ids("Datastreams", "properties/maximum eq 400 and properties/minimum ge 0") == [
            f"{BIN}:power_w",
            POWER,
            f"{PROBE}:power_w",
        ]
        assert await town.ids("Datastreams", "unitOfMeasurement/symbol eq 'km/h'") == [f"{TRAM}:speed_kmh"]
        assert await town.ids("Datastreams", "properties/title/fr eq 'Vitesse'") == [f"{TRAM}:speed_kmh"]
        flagged = await town.values("Observations?$filter=contains(parameters/flags,'out_of_range') and result gt 1")
        assert [(one["result"], one["parameters"]["flags"]) for one in flagged] == [(500.0, ["out_of_range"])]
        assert await town.get(f"Observations('{PROBE}:power_w:1774699200000000')/parameters/simulated") == {
            "simulated": True
        }

    async def test_through_relations(self, town: Town) -> None:
        """A filter goes through relations, to one and to many, forth and back."""
        await town.fill()

        assert await town.ids("Datastreams", "Thing/name eq 'Rame 1' and Sensor/properties/model eq 'T'") == [
            f"{TRAM}:{field}" for field in ("latitude_deg", "longitude_deg", "speed_kmh")
        ]
        assert await town.ids("Things", "Datastreams/ObservedProperty/name eq 'Speed'") == [TRAM]
        assert await town.ids("Sensors", "Datastreams/Thing/properties/experiment eq 'tri'") == ["bin"]
        assert await town.ids("ObservedProperties", "Datastreams/Thing/Locations/name eq 'Rame 1'") == [
            "latitude",
            "longitude",
            "speed",
        ]
        assert await town.ids("Things", "Datastreams/Thing/id eq 'tram-1'") == [TRAM]
        both = "Datastreams/unitOfMeasurement/symbol eq 'W' and Datastreams/ObservedProperty/id eq 'state'"
        assert await town.ids("Things", both) == []  # of one datastream, not of two

    async def test_observations_through_relations(self, town: Town) -> None:
        """Observations are filtered by what they are of, together with what they say."""
        await town.fill()

        async def told(condition: str) -> list[tuple[str, Any]]:
            found = await town.values(f"Observations?$filter={quote(condition)}&$top=3")
            return [(one["@iot.id"].rpartition(":")[0], one["result"]) for one in found]

        assert await told("Datastream/Thing/name eq 'Lampe 2' and result gt 1") == [
            (f"{PROBE}:power_w", 500.0),
            (f"{PROBE}:power_w", 3.0),
        ]
        assert await told("Datastream/ObservedProperty/id eq 'speed' or result eq 7") == [
            (f"{TRAM}:speed_kmh", 20.0),
            (f"{TRAM}:speed_kmh", 0.0),
            (POWER, 7.0),
        ]
        assert await told("Datastream/id eq 'nobody'") == []
        assert await told(f"id eq '{POWER}:1774702800000000'") == [(POWER, 1.0)]
        assert await told(f"Datastream/@iot.id eq '{POWER}' and (result lt 1 or Datastream/Thing/id eq 'x')") == [
            (POWER, 0.0)
        ]
        assert await told("result gt Datastream/properties/maximum") == [(f"{PROBE}:power_w", 500.0)]
        place = f"st_within(FeatureOfInterest/feature, geography'{BREST}') and Datastream/Sensor/id ne 'tram'"
        assert {name for name, _ in await told(place)} == {POWER, f"{LAMP}:lamp_on"}

    async def test_through_observations(self, town: Town) -> None:
        """Whoever has an observation of which a filter holds is found by it, together with what else is asked."""
        await town.fill()

        assert await town.ids("Datastreams", "Observations/result gt 100") == [f"{PROBE}:power_w"]
        assert await town.ids("Things", "Datastreams/Observations/result eq 20 and Datastreams/id ne 'x'") == [TRAM]
        assert await town.ids(
            "Things",
            f"Datastreams/Observations/FeatureOfInterest/id eq '{LAMP}' and Datastreams/Observations/resultTime ge"
            " 2026-03-28T21:00:00Z and Datastreams/Observations/resultTime le 2026-03-28T22:00:00Z",
        ) == [LAMP]
        assert await town.ids("Datastreams", "Observations/phenomenonTime gt 2026-03-28T20:30:00Z") == [
            f"{LAMP}:lamp_on",
            POWER,
        ]
        assert await town.ids("Datastreams", "Observations/id ne null and Thing/name eq 'Lampe 2'") == [
            f"{PROBE}:lamp_on",
            f"{PROBE}:power_w",
        ]
        assert await town.ids("FeaturesOfInterest", "Observations/result eq 'off'") == [LAMP]
        assert await town.ids("Sensors", "Datastreams/Observations/result gt Datastreams/properties/maximum") == [
            "lamp"
        ]
        assert await town.ids("Things", "Datastreams/Observations/result gt 1000") == []

    async def test_shapes(self, town: Town) -> None:
        """Places are asked by their distance to shapes and by their relation to them."""
        await town.fill()
        west = "LINESTRING (-4.5 48.3, -4.5 48.5)"
        for condition, places in (
            (f"geo.intersects(location, geography'{BREST}')", [LAMP, TRAM]),
            (f"st_within(location, geography'{BREST}')", [LAMP, TRAM]),
            (f"not st_within(location, geography'{BREST}')", [PROBE]),
            (f"st_contains(geography'{BREST}', location)", [LAMP, TRAM]),
            (f"st_disjoint(location, geography'{BREST}')", [PROBE]),
            (f"st_intersects(location, geography'{west}')", [PROBE]),
            ("st_equals(location, geography'POINT (-4.5 48.39)')", [PROBE]),
            ("geo.distance(location, geography'POINT (-4.49 48.38)') lt 0.005", [LAMP]),
            ("geo.distance(location, geography'POINT (-4.49 48.38)') gt 0.01", [PROBE, TRAM]),
            ("geo.length(geography'LINESTRING (0 0, 0 2)') eq 2 and name eq 'Lampe 1'", [LAMP]),
            (f"st_touches(location, geography'{BREST}') or st_crosses(location, geography'{west}')", []),
            (f"st_overlaps(location, geography'{BREST}')", []),
            (f"st_relate(location, geography'{BREST}', 'T********')", [LAMP, TRAM]),
        ):
            assert await town.ids("Locations", condition) == places, condition
        assert await town.ids("Things", f"st_within(Locations/location, geography'{BREST}')") == [LAMP, TRAM]
        assert await town.ids("FeaturesOfInterest", f"geo.intersects(feature, geography'{BREST}')") == [LAMP, TRAM]

    # What moves

    async def test_what_moves(self, town: Town) -> None:
        """A tram is where it last was, and each of its observations has the place where it was made."""
        await town.fill()

        seen = await town.values(f"Datastreams('{TRAM}:speed_kmh')/Observations?$expand=FeatureOfInterest")
        assert [one["FeatureOfInterest"]["feature"]["coordinates"] for one in seen] == [[-4.48, 48.4], [-4.47, 48.41]]
        first = seen[0]["FeatureOfInterest"]
        assert (await town.get(first["@iot.selfLink"])) == first
        there = await town.values(first["Observations@iot.navigationLink"])
        assert [one["result"] for one in there] == [48.4, -4.48, 20.0]
        assert (await town.get(f"Things('{TRAM}')/Locations('{TRAM}')"))["location"]["coordinates"] == [-4.47, 48.41]

    # Formats

    async def test_data_array(self, town: Town) -> None:
        """Observations come as arrays, one for each datastream, of the components that are selected."""
        await town.fill()

        whole = await town.get("Observations?$resultFormat=dataArray&$count=true&$filter=result ge 8")
        assert whole["@iot.count"] == 6
        components = ["id", "phenomenonTime", "resultTime", "result", "parameters"]
        assert {tuple(one["components"]) for one in whole["value"]} == {tuple(components)}
        assert sum(one["dataArray@iot.count"] for one in whole["value"]) == 6
        some = await town.get(
            f"Datastreams('{POWER}')/Observations?$resultFormat=dataArray&$select=result,phenomenonTime&$top=2"
        )
        [array] = some["value"]
        assert array == {
            "Datastream@iot.navigationLink": f"http://test/sta/v1.1/Datastreams('{POWER}')",
            "components": ["result", "phenomenonTime"],
            "dataArray@iot.count": 2,
            "dataArray": [[0.0, "2026-03-28T12:00:00Z"], [1.0, "2026-03-28T13:00:00Z"]],
        }
        more = await town.get(some["@iot.nextLink"])
        assert more["value"][0]["dataArray"][0] == [2.0, "2026-03-28T14:00:00Z"]

    async def test_geojson(self, town: Town) -> None:
        """Entities come as features at their places, with flat properties, as desktop GIS read them."""
        await town.fill()

        found = await town.get("Things?$resultFormat=GeoJSON&$expand=Datastreams($select=name)&$orderby=name")
        assert found["type"] == "FeatureCollection"
        assert [one["geometry"] for one in found["features"]] == [
            None,
            {"type": "Point", "coordinates": [-4.49, 48.38]},
            {"type": "Point", "coordinates": [-4.5, 48.39]},
            {"type": "Point", "coordinates": [-4.47, 48.41]},
        ]
        assert found["features"][1]["properties"]["Datastreams/1/name"] == "Lampe 1: Power"
        assert found["features"][1]["properties"]["properties/district"] == "Recouvrance"
        one = await town.get(f"Locations('{LAMP}')?$resultFormat=GeoJSON")
        assert one["features"][0]["id"] == LAMP

    # As QGIS asks

    async def test_as_qgis_asks(self, town: Town) -> None:
        """The requests of QGIS: counts by sort of shape, pages within an extent, what is put in with options."""
        await town.fill()
        sort = "location/type eq '{0}' or location/geometry/type eq '{0}'"
        extent = (
            "geo.intersects(location, geography'Polygon ((-4.6 48.3, -4.4 48.3, -4.4 48.385, -4.6 48.385, -4.6 48.3))')"
        )

        counts = {
            shape: (await town.get(f"Locations?$top=0&$count=true&$filter={sort.format(shape)}"))["@iot.count"]
            for shape in ("Point", "Polygon", "LineString")
        }
        assert counts == {"Point": 3, "Polygon": 0, "LineString": 0}
        first = await town.get(
            f"Locations?$top=1&$count=false&$filter=({sort.format('Point')}) and ({extent})"
            "&$expand=Things($expand=Datastreams($filter=properties/quantity eq 'power';$expand=Observations("
            "$orderby=phenomenonTime desc;$top=1)))"
        )
        assert "@iot.nextLink" not in first
        [place] = first["value"]
        [stream] = place["Things"][0]["Datastreams"]
        assert stream["Observations"][0]["result"] == 9.0

    # Limits and mistakes

    @pytest.mark.parametrize(
        ("path", "status", "says"),
        [
            ("Things?$filter=nonsense eq 1", 400, "Thing has no 'nonsense'; it has id, name"),
            ("Things?$filter=name eq", 400, r"\$filter"),
            ("Things?$filtre=name eq 'a'", 400, "did you mean \\$filter"),
            ("Things?filter=name eq 'a'", 400, "write \\$filter"),
            ("Things?$top=-1", 400, r"\$top takes a number from 0 on"),
            ("Things?$top=one", 400, r"\$top takes a number from 0 on"),
            ("Things?$top=1&$top=2", 400, "stands twice"),
            ("Things?$skip=100001", 400, r"\$skip goes up to 100,000"),
            ("Things?$count=yes", 400, "true or false"),
            ("Things?$select=nonsense", 400, "Thing has no 'nonsense'"),
            ("Things?$expand=Sensor", 400, "Thing has no relation 'Sensor'; it has Locations"),
            ("Things?$expand=Datastreams($top=1", 400, "do not match"),
            ("Things?$expand=Datastreams(top)", 400, "is no option"),
            (
                "Things?$expand=" + "Datastreams/Thing/" * 3 + "Datastreams",
                400,
                r"\$expand goes 4 relations deep at most",
            ),
            ("Things?$orderby=Datastreams/name", 400, "there may be many"),
            ("Things?$orderby=length(name)", 501, "what is reckoned"),
            ("Things?$filter=" + "Datastreams/Thing/" * 4 + "name eq 'a'", 400, "more than 6 relations"),
            (
                "Things?$filter=Datastreams/Observations/Datastream/Thing/Datastreams/id eq 'a'",
                501,
                "ask Observations and write Datastream/",
            ),
            (
                "Observations?$filter=Datastream/Observations/result gt 1",
                501,
                "ask Observations and write Datastream/",
            ),
            ("Things?$search=lamp", 501, r"\$search is not done here"),
            ("Things?$resultFormat=csv", 501, "there are dataArray, GeoJSON"),
            ("Things?$resultFormat=dataArray", 400, "is for Observations"),
            ("Things?$skiptoken=nonsense", 400, "follow @iot.nextLink"),
            ("Things?$orderby=name&$skiptoken=WyJhIl0", 400, "follow @iot.nextLink"),
            ("Observations?$skiptoken=WyJhIl0", 400, "follow @iot.nextLink"),
            ("Observations?$skiptoken=WyIyMDI2IiwgMSwgIngiXQ", 400, "follow @iot.nextLink"),
            ("Observations?$orderby=result", 400, "of several sorts"),
            ("Observations?$orderby=Datastream/name", 501, "is not done for Observations"),
            ("Observations?$resultFormat=dataArray&$expand=Datastream", 400, "takes no \\$expand"),
            (
                "Observations?$filter=st_within(FeatureOfInterest/feature,geography'POINT (0 0)')",
                501,
                "devices that move",
            ),
            (f"Things('{LAMP}')?$filter=name eq 'a'", 400, "are for collections"),
            ("Things?$filter=" + "a" * 20000, 400, "longer than 16,000"),
        ],
    )
    async def test_mistakes_are_told(self, town: Town, path: str, status: int, says: str) -> None:
        """A request that makes no sense, or asks for what is not done, is refused by a message that says so."""
        await town.registry.register(DEVICES)

        message = await town.refused(path, status)

        assert pytest.raises(AssertionError, match=says).matches(AssertionError(message)), message

    async def test_pages_have_an_end(self, town: Town) -> None:
        """A page larger than the largest is not refused: it is a page, with a link if there is more."""
        await town.fill()

        assert len((await town.get("Observations?$top=1000000"))["value"]) == len(await town.values("Observations"))

    async def test_a_device_without_type(self, town: Town) -> None:
        """A device whose type was taken away is a thing without datastreams, and what it said is of none."""
        await town.fill()
        await town.registry.register([replace(DEVICES[0], type=None)])

        assert (await town.get(f"Things('{LAMP}')/Datastreams"))["value"] == []
        assert await town.refused(f"Datastreams('{POWER}')", 404)
        assert await town.values("Observations?$filter=result ge 9 and result lt 20") == []

    async def test_pending_devices_are_not_there(self, town: Town) -> None:
        """A device that nobody registered is not told of in any way, nor what it said."""
        await town.fill()
        await town.registry.register([replace(DEVICES[0], state=State.PENDING)])

        assert LAMP not in [one["@iot.id"] for one in await town.values("Things")]
        for path in (f"Things('{LAMP}')", f"Locations('{LAMP}')", f"Datastreams('{POWER}')/Observations"):
            assert await town.refused(path, 404)
        assert await town.refused(f"Observations('{POWER}:1774699200000000')", 404)
        found = await town.values("Observations?$expand=Datastream")
        assert not [one for one in found if one["@iot.id"].startswith(LAMP)]

    async def test_titles_in_both_languages(self, town: Town) -> None:
        """Titles come in the language of the request, and links keep it; ids never change."""
        await town.fill()

        french = await town.get("ObservedProperties?lang=fr&$top=1&$orderby=id desc")
        assert [(one["@iot.id"], one["name"]) for one in french["value"]] == [("state", "État")]
        more = await town.get(french["@iot.nextLink"])
        assert [one["name"] for one in more["value"]] == ["Vitesse"]
        response = await town.client.get(
            f"/sta/v1.1/Datastreams('{POWER}')/name", headers={"Accept-Language": "fr-FR,fr;q=0.9"}
        )
        assert response.json() == {"name": "Lampe 1: Puissance"}
        assert "Accept-Language" in response.headers["vary"]
