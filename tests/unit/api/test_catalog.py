"""What /catalog promises: who asks gets the form that it can read, and files whole, in parts, or not again."""

from pathlib import Path

import pytest
from httpx import Response

from model.dataset import OpenFile
from tests.fakes.open_data import OpenData
from tests.unit.api.scene import NOW, Scene, scene_of

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
DIGEST = "ab" * 32


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Serve two public datasets, one of them with a file, and an internal one."""
    path = tmp_path / "2026-11-20.csv"
    path.write_bytes(b"0123456789")
    file = OpenFile(path=path, media_type="text/csv; charset=utf-8", digest=DIGEST, modified=NOW, lasting=True)
    datasets = {"lamps": {path.name: file}, "bins": {}, "secret": {path.name: file}}
    return scene_of(open_data=OpenData(datasets, hidden=("secret",)))


async def ask(scene: Scene, path: str = "", method: str = "GET", **headers: str) -> Response:
    """Ask for something of the catalogue."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return await scene.client.request(method, f"/catalog{path}", headers=names)


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("*/*", "application/ld+json"),
        ("text/turtle", "text/turtle"),
        ("application/rdf+xml;q=0.5, text/turtle;q=0.1", "application/rdf+xml"),
        ("application/json", "application/ld+json"),
        (BROWSER, "text/html"),
    ],
)
@pytest.mark.parametrize("path", ["", "/lamps"])
async def test_the_form_is_what_is_asked_for(scene: Scene, path: str, accept: str, media: str) -> None:
    """A program gets RDF, a browser a page, and caches are told that it hangs on the question."""
    answer = await ask(scene, path, accept=accept)

    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, media)
    assert "Accept" in answer.headers["vary"]
    assert "lamps" in answer.text


@pytest.mark.parametrize(
    ("path", "media"), [(".ttl", "text/turtle"), ("/lamps.rdf", "application/rdf+xml"), (".html", "text/html")]
)
async def test_an_ending_wins(scene: Scene, path: str, media: str) -> None:
    """An address with an ending gives that form, whatever ``Accept`` says: harvesters are given such ones."""
    answer = await ask(scene, path, accept="application/ld+json")

    assert answer.headers["content-type"].split(";")[0] == media


async def test_a_form_that_there_is_not_is_told_with_those_there_are(scene: Scene) -> None:
    """Whoever reads nothing of ours is told what there is."""
    answer = await ask(scene, accept="image/png")

    assert answer.status_code == 406
    assert "text/turtle" in answer.json()["detail"]


async def test_pages_are_in_the_language_of_the_reader_and_run_nothing(scene: Scene) -> None:
    """The policy lets a page load its style sheet and nothing else."""
    answer = await ask(scene, accept=BROWSER, accept_language="fr")

    assert answer.headers["content-language"] == "fr"
    assert answer.text.startswith("<html lang=fr>")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert (await ask(scene, "/style.css")).headers["content-type"].startswith("text/css")


@pytest.mark.parametrize("path", ["/secret", "/secret.ttl", "/secret/files/2026-11-20.csv", "/nothing"])
async def test_what_is_not_public_is_not_there(scene: Scene, path: str) -> None:
    """An internal dataset is as unknown as one that there is not, in each form and file."""
    answer = await ask(scene, path)

    assert answer.status_code == 404
    assert "secret" not in (await ask(scene)).text


async def test_a_name_that_is_nearly_right_is_told(scene: Scene) -> None:
    """Who mistypes learns what was meant."""
    assert "lamps" in (await ask(scene, "/lamp")).json()["detail"]


async def test_a_file_comes_whole_with_its_checksum(scene: Scene) -> None:
    """Its tag is its SHA-256, it may be kept for ever, and nobody compresses it on the way."""
    answer = await ask(scene, "/lamps/files/2026-11-20.csv", accept_encoding="gzip")

    assert answer.content == b"0123456789"
    assert answer.headers["etag"] == f'"{DIGEST}"'
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "identity"
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_a_file_that_one_has_is_not_sent_again(scene: Scene) -> None:
    """Who shows its tag gets no body."""
    answer = await ask(scene, "/lamps/files/2026-11-20.csv", if_none_match=f'"{DIGEST}"')

    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize(
    ("wanted", "status", "content"),
    [
        ("bytes=2-4", 206, b"234"),
        ("bytes=-3", 206, b"789"),
        ("bytes=banana", 200, b"0123456789"),
    ],
)
async def test_a_part_of_a_file(scene: Scene, wanted: str, status: int, content: bytes) -> None:
    """Parts are given; a question for parts that nobody can read is none (RFC 9110)."""
    answer = await ask(scene, "/lamps/files/2026-11-20.csv", range=wanted)

    assert (answer.status_code, answer.content) == (status, content)


async def test_a_part_behind_the_end_is_refused(scene: Scene) -> None:
    """The answer says how long the file is."""
    answer = await ask(scene, "/lamps/files/2026-11-20.csv", range="bytes=10-")

    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */10")


@pytest.mark.parametrize("path", ["", "/lamps", "/lamps/files/2026-11-20.csv", ".ttl"])
async def test_head_tells_what_get_would(scene: Scene, path: str) -> None:
    """Harvesters look before they load."""
    head, whole = await ask(scene, path, "HEAD"), await ask(scene, path)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]


async def test_a_page_behind_the_last_is_told(scene: Scene) -> None:
    """There is no empty page for ever."""
    assert (await scene.client.get("/catalog.ttl", params={"page": 2})).status_code == 404
