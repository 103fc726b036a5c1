"""What /callbacks promises: those of Sigfox first, then those of all networks."""

import asyncio
import json
import logging
from dataclasses import replace
from functools import cache
from hashlib import sha256
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api import pushes
from api.app import ApiConfig
from decoders.networks import adapters
from model.device import Device, State
from model.errors import UnavailableError
from tests.unit.api.scene import BIN, LAMP, Down, Scene, problem_of, scene_of

PATH = "/api/v1/callbacks/sigfox"
TOPIC = "penfeld/v1/callbacks/sigfox"
TOKEN = "sésame"  # noqa: S105  made up here
NETWORKS = ("chirpstack", "liveobjects", "loriot", "sigfox", "thethingsstack", "thingpark", "wanesy")
EVENT = b'{"deviceInfo": {"devEui": "70B3D50000000001"},\n "fCnt": 1}'
BODY = b'{"device": "B5F3C1", "time": 1774764000,\n "data": "0a1b", "seqNumber": 17}'


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "text/plain", ""])
async def test_json_is_published_as_it_came(scene: Scene, kind: str) -> None:
    """A JSON object reaches the broker byte for byte, and is answered after that."""
    response = await scene.client.post(PATH, content=BODY, headers={"Content-Type": kind})

    assert response.status_code == 204
    assert scene.publisher.published == [(TOPIC, BODY)]


async def test_a_form_becomes_json(scene: Scene) -> None:
    """A form reaches the broker as a JSON object of texts."""
    fields = {"device": "B5F3C1", "data": "0a1b", "time": "1774764000", "note": "dépôt & +"}

    response = await scene.client.post(
        PATH, content=urlencode(fields), headers={"Content-Type": "application/x-www-form-urlencoded"}
    )

    assert response.status_code == 204
    assert json.loads(scene.publisher.published[0][1]) == fields


async def test_an_object_without_device_is_taken(scene: Scene) -> None:
    """What is in the object is judged behind the broker, where it is set aside and not lost."""
    response = await scene.client.post(PATH, json={})

    assert response.status_code == 204
    assert len(scene.publisher.published) == 1


async def test_broker_down(scene: Scene) -> None:
    """When the broker does not take it, the sender is told to come again, and when."""
    scene.publisher.down = True

    response = await scene.client.post(PATH, content=BODY)

    problem = problem_of(response)
    assert problem["status"] == 503
    assert "send it again" in problem["detail"]
    assert int(response.headers["retry-after"]) > 0


async def test_get_is_refused_with_a_hint(scene: Scene) -> None:
    """A callback in an address is refused by an answer that says what to choose in the backend."""
    response = await scene.client.get(PATH + "?device=B5F3C1&data=0a1b")

    problem = problem_of(response)
    assert problem["status"] == 405
    assert "POST" in problem["detail"]
    assert response.headers["allow"] == "POST"
    assert scene.publisher.published == []


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/json", 422),
        (b"[]", "application/json", 422),
        (b'"text"', "text/plain", 422),
        (b'{"a": NaN}', "application/json", 422),
        (b'{"a":"\xff"}', "application/json", 422),
        (b'{"a":' * 100_000, "application/json", 413),
        (b'{"a":' * 10_000, "application/json", 422),
        (b"no form", "application/x-www-form-urlencoded", 422),
        (b"a=%ff", "application/x-www-form-urlencoded", 422),
        (b"&".join(b"a=1" for _ in range(101)), "application/x-www-form-urlencoded", 422),
        (b"<a/>", "application/xml", 415),
        (b"{" + b" " * 65_536 + b"}", "application/json", 413),
    ],
)
async def test_what_cannot_be_read(scene: Scene, body: bytes, kind: str, status: int) -> None:
    """What is neither object nor form is refused by an answer that shows the template; nothing is published."""
    problem = problem_of(await scene.client.post(PATH, content=body, headers={"Content-Type": kind}))

    assert problem["status"] == status
    assert scene.publisher.published == []


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({"Authorization": "Bearer sésame"}, "", 204),
        ({"Authorization": "bearer  sésame "}, "", 204),
        ({}, "?token=s%C3%A9same", 204),
        ({}, "", 401),
        ({}, "?token=sesame", 401),
        ({"Authorization": "Basic sésame"}, "", 401),
        ({"Authorization": "Bearer"}, "?token=sesame", 401),
        ({}, "?token=%00%ff", 401),
        ({"X-Penfeld-Token": "sésame"}, "", 204),
        ({"X-Penfeld-Token": " sésame ", "Authorization": "Basic of another"}, "?token=other", 204),
        ({"X-Penfeld-Token": "sesame"}, "", 401),
        ({}, "/s%C3%A9same", 204),
        ({}, "/s%C3%A9same/dataUp", 204),
        ({"Authorization": "Bearer sésame"}, "/dataUp", 204),
        ({}, "/", 401),
        ({}, "/sesame", 401),
        ({}, "/%00%ff/dataUp?token=x", 401),
    ],
)
async def test_the_token(headers: dict[str, str], query: str, status: int) -> None:
    """Where a token is set, a callback must show it: in one of two headers, in the query, or in the address."""
    scene = scene_of(ApiConfig(callback_tokens={"sigfox": TOKEN}))
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]

    response = await scene.client.post(PATH + query, content=BODY, headers=raw)

    assert response.status_code == status
    assert len(scene.publisher.published) == (status == 204)
    if status == 401:
        assert "sésame" not in problem_of(response)["detail"]


def test_the_token_stays_out_of_logs() -> None:
    """The settings show neither token nor key when they are printed."""
    assert "sésame" not in repr(ApiConfig(callback_tokens={"sigfox": TOKEN}, thingpark_key=TOKEN))


async def test_an_address_stays_out_of_logs(caplog: pytest.LogCaptureFixture) -> None:
    """What stands behind the network in an address is neither logged nor told, whatever goes wrong."""
    scene = scene_of(ApiConfig(callback_tokens={"sigfox": TOKEN}))
    broken = scene_of()

    async def publish(topic: str, payload: bytes) -> None:
        raise ZeroDivisionError(topic, len(payload))

    broken.publisher.publish = publish  # type: ignore[method-assign]  # a defect of ours

    with caplog.at_level(logging.DEBUG):
        refused = await scene.client.post(f"{PATH}/hush-hush/dataUp", content=BODY)
        failed = await broken.client.post(f"{PATH}/hush-hush/dataUp", content=BODY)

    assert (refused.status_code, failed.status_code) == (401, 500)
    assert problem_of(refused)["instance"] == f"{PATH}/…"
    assert "hush" not in refused.text + failed.text
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("api")]
    assert len(ours) == 1
    assert "hush" not in ours[0]


@cache
def _shared() -> Scene:
    return scene_of()


@given(
    body=st.binary(max_size=200) | st.text(max_size=50).map(str.encode) | st.just(BODY),
    kind=st.sampled_from(["application/json", "text/plain", "application/x-www-form-urlencoded", "image/png"])
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
)
@settings(max_examples=200, deadline=None)
async def test_any_bytes(body: bytes, kind: str) -> None:
    """Any bytes of any kind are taken or refused, never an error of ours; what is taken is a JSON object."""
    scene = _shared()
    scene.publisher.published.clear()

    response = await scene.client.post(PATH, content=body, headers={"Content-Type": kind})

    assert response.status_code in {204, 415, 422}
    assert len(scene.publisher.published) == (response.status_code == 204)
    for _, published in scene.publisher.published:
        assert isinstance(json.loads(published), dict)


# All networks


@cache
def _every() -> Scene:
    """Return an application that takes what every network pushes."""
    return scene_of(ApiConfig(networks=NETWORKS))


@pytest.fixture
def every() -> Scene:
    scene = _every()
    scene.publisher.published.clear()
    scene.publisher.down = False
    return scene


def path(network: str, rest: str = "") -> str:
    return f"/api/v1/callbacks/{network}{rest}"


def test_networks_that_push_are_those_that_are_read() -> None:
    """Whose adapter listens to its callback topic may push; nothing is taken that nobody reads."""
    assert set(pushes.networks()) == {
        name for name in adapters() if f"penfeld/v1/callbacks/{name}" in adapters()[name].topics
    }
    assert "sigfox" in ApiConfig().networks
    assert "native" not in ApiConfig().networks


@pytest.mark.parametrize("network", [name for name in NETWORKS if name != "thingpark"])
@pytest.mark.parametrize("rest", ["", "/dataUp", "/token/dataUp", "?a=b"])
async def test_a_push_is_published_as_it_came(every: Scene, network: str, rest: str) -> None:
    """A JSON object of any network reaches the broker byte for byte, on that network's callback topic."""
    response = await every.client.post(path(network, rest), content=BODY)

    assert response.status_code == 204
    assert every.publisher.published == [(f"penfeld/v1/callbacks/{network}", BODY)]


@pytest.mark.parametrize("network", NETWORKS)
async def test_a_push_while_the_broker_is_down(every: Scene, network: str) -> None:
    """No network server believes that something arrived which the broker did not take."""
    every.publisher.down = True

    response = await every.client.post(path(network), content=BODY)

    assert problem_of(response)["status"] == 503
    assert int(response.headers["retry-after"]) > 0


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/json", 422),
        (b"[1]", "application/json", 422),
        (b"<a/>", "application/xml", 415),
        (b"{" + b" " * 65_536 + b"}", "application/json", 413),
    ],
)
async def test_pushes_that_cannot_be_read(every: Scene, network: str, body: bytes, kind: str, status: int) -> None:
    """What is no object, or too much of one, is refused by every network's address."""
    problem = problem_of(await every.client.post(path(network), content=body, headers={"Content-Type": kind}))

    assert problem["status"] == status
    assert every.publisher.published == []


async def test_a_network_that_nobody_reads(every: Scene) -> None:
    """An address of a network that does not push is not found, with the networks that are like it."""
    problem = problem_of(await every.client.post(path("lorriot", "/token"), content=BODY))

    assert (problem["status"], problem["near"]) == (404, ["loriot"])
    assert every.publisher.published == []


async def test_each_network_has_its_token() -> None:
    """The token of one network opens no other; a network without one is open."""
    scene = scene_of(ApiConfig(networks=NETWORKS, callback_tokens={"loriot": "a", "wanesy": "b"}))

    answers = [
        (await scene.client.post(path(network), content=BODY, headers={"Authorization": f"Bearer {token}"})).status_code
        for network, token in (
            ("loriot", "a"),
            ("loriot", "b"),
            ("wanesy", "b"),
            ("wanesy", ""),
            ("thethingsstack", "a"),
        )
    ]

    assert answers == [204, 401, 204, 401, 204]


@pytest.mark.parametrize(
    ("query", "body", "topic"),
    [
        ("?event=up", EVENT, f"application/http/device/{LAMP}/event/up"),
        ("?event=status", b'{"deviceInfo": {"devEui": "../#"}}', "application/http/device/unknown/event/status"),
        ("?event=join", b'{"deviceInfo": []}', "application/http/device/unknown/event/join"),
        ("?token=a&event=txack", b"{}", "application/http/device/unknown/event/txack"),
    ],
)
async def test_events_of_chirpstack(every: Scene, query: str, body: bytes, topic: str) -> None:
    """ChirpStack's event, which only the address tells, ends the topic as over MQTT; the body stays as it is."""
    response = await every.client.post(path("chirpstack", query), content=body)

    assert response.status_code == 204
    assert every.publisher.published == [(topic, body)]


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/x-protobuf"])
async def test_protocol_buffers_of_chirpstack(every: Scene, kind: str) -> None:
    """A binary body is published as it is; other networks have none."""
    body, headers = b"\x0a\x24\xff\x00", {"Content-Type": kind}

    taken = await every.client.post(path("chirpstack", "?event=up"), content=body, headers=headers)
    refused = await every.client.post(path("loriot", "?event=up"), content=body, headers=headers)

    assert (taken.status_code, refused.status_code) == (204, 415)
    assert every.publisher.published == [("application/http/device/unknown/event/up", body)]


@pytest.mark.parametrize("query", ["", "?event=", "?event=up/%23", "?event=UP", "?event=" + "u" * 21])
async def test_events_that_are_none(every: Scene, query: str) -> None:
    """An event becomes a part of a topic, so it must look like one; without it a binary body says nothing."""
    headers = {"Content-Type": "application/octet-stream"}

    problem = problem_of(await every.client.post(path("chirpstack", query), content=b"\x0a", headers=headers))

    assert problem["status"] == 422
    assert "event" in problem["detail"]
    assert every.publisher.published == []


# ThingPark

KEY = "00112233445566778899AABBCCDDEEFF"
REPORT = (
    b'{"DevEUI_uplink": {"CustomerID": "100", "DevEUI": "70B3D50000000001",\n'
    b' "FPort": 2, "FCntUp": 3, "payload_hex": "0a1b"}}'
)
QUERY = "LrnDevEui=70B3D50000000001&LrnFPort=2&LrnInfos=TWA_1.2&AS_ID=city&Time=2026-03-29T08:00:00.000%2B02:00"
TOKEN_OF_REPORT = "5a3c603aec9606a905126fedadbce3fe218401e3a28db4e0523cdb8ca99e5502"  # noqa: S105  computed by hand


async def test_the_query_of_thingpark_goes_with_the_report(every: Scene) -> None:
    """The parameters that ThingPark puts into the address stand beside its report, which stays as it came."""
    response = await every.client.post(path("thingpark", f"/hush?{QUERY}&Token=ab&token=hush"), content=REPORT)

    ((topic, message),) = every.publisher.published
    assert (response.status_code, topic) == (204, "penfeld/v1/callbacks/thingpark")
    assert REPORT in message
    assert json.loads(message) == {
        "query": {
            "LrnDevEui": "70B3D50000000001",
            "LrnFPort": "2",
            "LrnInfos": "TWA_1.2",
            "AS_ID": "city",
            "Time": "2026-03-29T08:00:00.000+02:00",
            "Token": "ab",
        },
        "body": json.loads(REPORT),
    }


@pytest.mark.parametrize(
    ("query", "body", "status"),
    [
        (f"{QUERY}&Token={TOKEN_OF_REPORT}", REPORT, 204),
        (f"{QUERY}&Token={TOKEN_OF_REPORT.upper()}", REPORT, 204),
        (f"Token={TOKEN_OF_REPORT}&{QUERY.replace('%2B', '+')}", REPORT, 204),
        (QUERY, REPORT, 401),
        (f"{QUERY}&Token=", REPORT, 401),
        (f"{QUERY}&Token=%C3%A9%ff", REPORT, 401),
        (f"{QUERY.replace('city', 'town')}&Token={TOKEN_OF_REPORT}", REPORT, 401),
        (f"{QUERY}&Token={TOKEN_OF_REPORT}", REPORT.replace(b'"0a1b"', b'"0a1c"'), 401),
        (f"{QUERY}&Token={TOKEN_OF_REPORT}", b"{}", 401),
        (f"{QUERY}&Token={TOKEN_OF_REPORT}", b'{"DevEUI_uplink": []}', 401),
    ],
)
async def test_reports_of_thingpark_are_verified(query: str, body: bytes, status: int) -> None:
    """With the key set, only reports that bear the token which ThingPark computes of them are taken."""
    scene = scene_of(ApiConfig(networks=NETWORKS, thingpark_key=KEY))

    response = await scene.client.post(path("thingpark", f"?{query}"), content=body)

    assert response.status_code == status
    assert len(scene.publisher.published) == (status == 204)
    if status == 401:
        assert "thingpark_key" in problem_of(response)["detail"]
        assert KEY not in response.text


@pytest.mark.parametrize(
    ("kind", "report", "elements"),
    [
        ("DevEUI_uplink", {"FCntUp": 7}, "10070B3D5000000000107"),
        ("DevEUI_downlink_Sent", {"FPort": "2", "FCntDn": "9"}, "10070B3D5000000000129"),
        ("DevEUI_location", {"FPort": "2"}, "10070b3d50000000001"),
        ("DevEUI_notification", {"Type": "join"}, "10070B3D50000000001"),
    ],
)
async def test_reports_of_every_kind_are_verified(kind: str, report: dict[str, object], elements: str) -> None:
    """Which elements the token covers is known for each kind of report; a port that is missing counts as 0."""
    scene = scene_of(ApiConfig(networks=NETWORKS, thingpark_key=KEY))
    body = {kind: {"CustomerID": 100, "DevEUI": "70B3D50000000001", **report}}
    asked = "LrnDevEui=70B3D50000000001&Time=2026-03-29T08:00:00.000+02:00"
    token = sha256(f"{elements}{asked}{KEY.lower()}".encode()).hexdigest()

    response = await scene.client.post(path("thingpark", f"?{asked}&Token={token}"), json=body)

    assert response.status_code == 204


async def test_thingpark_may_show_a_token_of_ours_too() -> None:
    """Where both are set, both must hold."""
    scene = scene_of(ApiConfig(networks=NETWORKS, thingpark_key=KEY, callback_tokens={"thingpark": "a b"}))
    address = f"?{QUERY}&Token={TOKEN_OF_REPORT}"

    answers = [
        (await scene.client.post(path("thingpark", rest), content=REPORT)).status_code
        for rest in (address, f"/{quote('a b')}{address}", f"/{quote('a b')}?{QUERY}")
    ]

    assert answers == [401, 204, 401]


# Answers to Sigfox devices

WAITING = {"device": "B5F3C1", "data": "0a1b", "ack": True}


def listening(downlink: str | None, state: State = State.ACTIVE) -> Scene:
    """Return an application with a bin that is answered so."""
    scene = scene_of()
    scene.memory.add(Device(id=BIN, type="bin", state=state, variables={"downlink": downlink} if downlink else {}))
    return scene


@pytest.mark.parametrize("ack", [True, "true", "True", 1, "1"])
async def test_a_device_that_waits_is_answered(ack: object) -> None:
    """A device that waits gets the bytes of its register entry, under the name by which Sigfox knows it."""
    scene = listening("0123456789ABCDEF")

    response = await scene.client.post(PATH, json={**WAITING, "ack": ack})

    assert response.status_code == 200
    assert response.json() == {"B5F3C1": {"downlinkData": "0123456789abcdef"}}
    assert len(scene.publisher.published) == 1


async def test_a_form_that_waits_is_answered() -> None:
    """A template that is a form is answered like one in JSON, whatever address it comes to."""
    scene = listening("0123456789abcdef")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    response = await scene.client.post(f"{PATH}/token", content=b"device=00b5f3c1&data=&ack=true", headers=headers)

    assert response.json() == {"00b5f3c1": {"downlinkData": "0123456789abcdef"}}


@pytest.mark.parametrize(
    ("body", "downlink", "state"),
    [
        ({"ack": False}, "0123456789abcdef", State.ACTIVE),
        ({"ack": "false"}, "0123456789abcdef", State.ACTIVE),
        ({"ack": None}, "0123456789abcdef", State.ACTIVE),
        ({}, None, State.ACTIVE),
        ({}, "0123456789abcde", State.ACTIVE),
        ({}, "0123456789abcdeg", State.ACTIVE),
        ({}, "0123456789abcdef", State.RETIRED),
        ({"device": "unknown"}, "0123456789abcdef", State.ACTIVE),
        ({"device": "1"}, "0123456789abcdef", State.ACTIVE),
        ({"device": {}}, "0123456789abcdef", State.ACTIVE),
        ({"device": None}, "0123456789abcdef", State.ACTIVE),
    ],
)
async def test_a_device_without_answer(body: dict[str, object], downlink: str | None, state: State) -> None:
    """Who does not wait, is not registered, or has no answer of 8 bytes, gets none; the callback is taken."""
    scene = listening(downlink, state)

    response = await scene.client.post(PATH, json={**WAITING, **body})

    assert (response.status_code, response.content) == (204, b"")
    assert len(scene.publisher.published) == 1


async def test_a_register_that_is_down_or_slow_is_no_error() -> None:
    """What cannot be looked up in time is not answered: the callback is safe, and Sigfox need not send it again."""

    class Slow:
        async def device(self, device_id: str) -> Device:
            await asyncio.sleep(60)
            raise UnavailableError(device_id)

    for registry in (Down(), Slow()):
        scene = scene_of(replace(ApiConfig(), lookup_s=0.05), registry=registry)

        response = await scene.client.post(PATH, json=WAITING)

        assert response.status_code == 204
        assert len(scene.publisher.published) == 1


async def test_nobody_is_answered_before_the_broker_has_it() -> None:
    """A device that is answered has had its message taken."""
    scene = listening("0123456789abcdef")
    scene.publisher.down = True

    response = await scene.client.post(PATH, json=WAITING)

    assert response.status_code == 503
