"""What /callbacks/sigfox promises."""

import json
from functools import cache
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.app import ApiConfig
from tests.unit.api.scene import Scene, problem_of, scene_of

PATH = "/api/v1/callbacks/sigfox"
TOPIC = "penfeld/v1/callbacks/sigfox"
TOKEN = "sésame"  # noqa: S105  made up here
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
    ],
)
async def test_the_shared_token(headers: dict[str, str], query: str, status: int) -> None:
    """Where a token is set, a callback must show it, in the header or in the address."""
    scene = scene_of(ApiConfig(callback_token=TOKEN))
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]

    response = await scene.client.post(PATH + query, content=BODY, headers=raw)

    assert response.status_code == status
    assert len(scene.publisher.published) == (status == 204)
    if status == 401:
        assert "sésame" not in problem_of(response)["detail"]


def test_the_token_stays_out_of_logs() -> None:
    """The settings do not show the token when they are printed."""
    assert "sésame" not in repr(ApiConfig(callback_token=TOKEN))


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
