"""What /ledger and /workers promise."""

from datetime import timedelta

from api.schemas import LedgerOut
from model.status import IngestStatus
from model.views import LedgerRow
from tests.unit.api.scene import NOW, Scene, scene_of


def hours(scene: Scene, *ages: int) -> None:
    """Write the ledger: seven stored, two duplicates, one quarantined in each hour of these ages."""
    for age in ages:
        for source in ("chirpstack", "sigfox"):
            scene.memory.ledger[NOW - timedelta(hours=age), source] = [7, 2, 1]


class Cooked:
    """A ledger that does not balance."""

    async def ledger(self, **_: object) -> list[LedgerRow]:
        """Return an hour in which one frame is missing."""
        return [LedgerRow(hour=NOW, source="sigfox", received=10, stored=7, duplicate=2, quarantined=0)]


async def test_pages_with_totals_of_all(scene: Scene) -> None:
    """Following the pages gives every hour and source once, newest first; totals are of the whole range."""
    hours(scene, 0, 1, 2)
    found, address = [], "/api/v1/ledger?limit=4"
    while address:
        response = await scene.client.get(address)
        page = LedgerOut.model_validate_json(response.content, strict=True)
        assert page.totals.model_dump() == {
            "received": 60,
            "stored": 42,
            "duplicate": 12,
            "quarantined": 6,
            "replayed": 0,
            "balanced": True,
        }
        found += [(row.hour, row.source) for row in page.items]
        address = response.links.get("next", {}).get("url", "")

    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 6


async def test_what_does_not_balance_is_told() -> None:
    """A row whose frames are not all accounted for says so, and so do the totals."""
    answer = await scene_of(queries=Cooked()).json("/ledger")

    assert [row["balanced"] for row in answer["items"]] == [False]
    assert answer["totals"]["balanced"] is False


async def test_the_last_week_unless_said(scene: Scene) -> None:
    """Without a range the last seven days are told; with one, that."""
    hours(scene, 1, 24 * 8)

    assert len((await scene.json("/ledger"))["items"]) == 2
    assert len((await scene.json("/ledger", **{"from": "2026-01-01T00:00:00Z"}))["items"]) == 4
    assert (await scene.json("/ledger", to="2026-01-01T00:00:00Z"))["totals"]["received"] == 0


async def test_one_source(scene: Scene) -> None:
    """One source alone, with totals of its own; a replay counts in the hour in which it was."""
    hours(scene, 0, 1)
    scene.memory.replays[NOW, "sigfox"] = [3, 1, -4]

    answer = await scene.json("/ledger", source="sigfox")

    assert [(row["source"], row["quarantined"], row["replayed"]) for row in answer["items"]] == [
        ("sigfox", -3, 4),
        ("sigfox", 1, 0),
    ]
    assert answer["totals"] == {
        "received": 20, "stored": 17, "duplicate": 5, "quarantined": -2, "replayed": 4, "balanced": True,
    }  # fmt: skip


async def test_workers(scene: Scene) -> None:
    """The newest state of each ingest worker is told."""
    scene.live.report(IngestStatus(worker="b", time=NOW, stored=1))
    scene.live.report(IngestStatus(worker="a", time=NOW, stored=1, latency_p99_ms=12.5))
    scene.live.report(b"not a status")
    scene.live.report(IngestStatus(worker="b", time=NOW, stored=2, trouble="broker lost"))
    scene.live.close()
    await scene.hub.run()

    answer = await scene.json("/workers")

    assert [(one["worker"], one["stored"]) for one in answer["items"]] == [("a", 1), ("b", 2)]
    assert answer["items"][0]["latency_p99_ms"] == 12.5
    assert answer["items"][1]["trouble"] == "broker lost"
