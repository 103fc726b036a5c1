"""What /ledger and /workers promise."""

from datetime import timedelta

from api.schemas import LedgerOut
from model.status import IngestStatus
from model.views import LedgerRow
from tests.unit.api.scene import NOW, Scene


def hours(*ages: int, quarantined: int = 1) -> list[LedgerRow]:
    return [
        LedgerRow(
            hour=NOW - timedelta(hours=age), source=source, received=10, stored=7, duplicate=2, quarantined=quarantined
        )
        for age in ages
        for source in ("chirpstack", "sigfox")
    ]


async def test_pages_with_totals_of_all(scene: Scene) -> None:
    """Following the pages gives every hour and source once, newest first; each page has the totals of the whole range."""
    scene.queries.hours = hours(0, 1, 2)
    found, address = [], "/api/v1/ledger?limit=4"
    while address:
        response = await scene.client.get(address)
        page = LedgerOut.model_validate_json(response.content, strict=True)
        assert page.totals.model_dump() == {
            "received": 60,
            "stored": 42,
            "duplicate": 12,
            "quarantined": 6,
            "balanced": True,
        }
        found += [(row.hour, row.source) for row in page.items]
        address = response.links.get("next", {}).get("url", "")

    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 6


async def test_what_does_not_balance_is_told(scene: Scene) -> None:
    """A row whose frames are not all accounted for says so, and so do the totals."""
    scene.queries.hours = [*hours(0), *hours(1, quarantined=0)]

    answer = await scene.json("/ledger")

    assert [row["balanced"] for row in answer["items"]] == [True, True, False, False]
    assert answer["totals"]["balanced"] is False


async def test_the_last_week_unless_said(scene: Scene) -> None:
    """Without a range the last seven days are told; with one, that."""
    scene.queries.hours = hours(1, 24 * 8)

    assert len((await scene.json("/ledger"))["items"]) == 2
    assert len((await scene.json("/ledger", **{"from": "2026-01-01T00:00:00Z"}))["items"]) == 4
    assert (await scene.json("/ledger", to="2026-01-01T00:00:00Z"))["totals"]["received"] == 0


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
