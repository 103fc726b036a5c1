"""Whatever is asked of SensorThings is answered, or refused in the form that its clients expect."""

import asyncio
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.sta.errors import StaError
from api.sta.kinds import PROPERTIES, SETS, Kind
from api.sta.options import read
from tests.fakes.registry import Registry
from tests.unit.api.scene import LAMP, Down, scene_of
from tests.unit.api.sta.conformance import POWER, TRAM_FILE, Town

SCENE = scene_of(types={"tram": TRAM_FILE})
TOWN = Town(SCENE.client, SCENE.memory, Registry(SCENE.memory))
asyncio.run(TOWN.fill())

HOSTILE = (
    "'; drop table penfeld.device; --",
    "a' or '1' eq '1",
    "%s %(p0)s {0} {}",
    "zero \0 byte",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "x" * 5000,
    "\u202e\U0001f680",
)
NAMES = sorted({*SETS, *(name for names in PROPERTIES.values() for name in names), *Kind, "id", "$ref", "$value"})
PATHS = st.lists(
    st.one_of(
        st.sampled_from(NAMES),
        st.builds(
            "{}('{}')".format, st.sampled_from(sorted(SETS)), st.sampled_from([LAMP, POWER, "lamp", "power", "x"])
        ),
        st.text(
            st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=6
        ),  # no route has line breaks
    ),
    max_size=4,
).map("/".join)
PIECES = (
    *NAMES,
    *(
        "name",
        "result",
        "eq",
        "gt",
        "and",
        "or",
        "not",
        "null",
        "1",
        "'a'",
        "(",
        ")",
        ",",
        ";",
        "=",
        "/",
        "desc",
        "true",
    ),
    *(
        "$filter=",
        "$expand=",
        "$top=2",
        "geo.distance(",
        "location",
        "now()",
        "2026-03-28T12:00:00Z",
        "Datastreams/",
        "in",
    ),
)
WORDS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=8).map(" ".join)
OPTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["$filter", "$expand", "$select", "$orderby", "$top", "$skip", "$count", "$skiptoken", "$resultFormat"]
        ),
        st.one_of(WORDS, st.sampled_from(["1", "true", "dataArray", "GeoJSON", "name", "id", *SETS])),
    ),
    max_size=3,
    unique_by=lambda option: option[0],
)


@settings(deadline=None)
@given(path=PATHS, options=OPTIONS)
def test_any_request_is_answered_or_refused(path: str, options: list[tuple[str, str]]) -> None:
    """No path and no option breaks the service: it answers, or says with 400, 404 or 501 what is wrong."""
    asked = "&".join(f"{name}={quote(text, safe='')}" for name, text in options)

    response = asyncio.run(SCENE.client.get(f"/sta/v1.1/{quote(path, safe='/')}?{asked}"))

    assert response.status_code in {200, 204, 400, 404, 501}, response.text
    if response.status_code >= 400:
        document = response.json()
        assert document["code"] == response.status_code
        assert document["message"]


@given(kind=st.sampled_from(list(Kind)), options=OPTIONS)
def test_any_options_are_read_or_refused(kind: Kind, options: list[tuple[str, str]]) -> None:
    """Options are read, or refused by an error of ours that says something."""
    try:
        assert read(kind, options).asked == tuple(options)
    except StaError as error:
        assert str(error)


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_texts_are_only_texts(text: str) -> None:
    """A text in a filter or an id is compared with names and nothing else."""
    quoted = quote(text.replace("'", "''"), safe="")
    found = await SCENE.client.get(f"/sta/v1.1/Things?$filter=name eq '{quoted}'")
    entity = await SCENE.client.get(f"/sta/v1.1/Things('{quoted}')")

    assert found.status_code in {200, 400}
    assert found.status_code == 400 or found.json() == {"value": []}
    assert entity.status_code == 404


async def test_a_database_that_is_down() -> None:
    """While the database does not answer, clients are told when to ask again, in the form that they expect."""
    scene = scene_of(registry=Down(), observations=Down())
    async with scene.client:
        for path in ("Things", "Observations", f"Observations('{POWER}:1')"):
            response = await scene.client.get(f"/sta/v1.1/{path}")
            assert response.status_code == 503
            assert response.headers["retry-after"] == "5"
            assert response.json()["code"] == 503
        assert (await scene.client.get("/sta/v1.1/")).status_code == 200


async def test_head_asks_like_get() -> None:
    """Clients that look before they read are answered."""
    for path in ("", "/", "/Things"):
        assert (await SCENE.client.head(f"/sta/v1.1{path}")).status_code == 200
