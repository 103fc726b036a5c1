"""The catalogue as RDF: valid, the same in every form, and paged so that a harvester finds everything."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyshacl
import pytest
from rdflib import Graph, Literal, Namespace, URIRef
from rdflib.compare import to_canonical_graph
from rdflib.namespace import DCAT, DCTERMS, RDF, RDFS

from model.dataset import LICENCES, Dataset
from model.device import Text
from model.errors import NotFoundError
from opendata.catalogue import OpenCatalogue
from opendata.graph import About
from tests.unit.opendata.scene import DAY, LAMPS, PARIS, ROW, TYPES, Press, both, hourly, lamp

pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # by rdflib itself, reading JSON-LD
BASE = "https://data.example.org"
HYDRA = Namespace("http://www.w3.org/ns/hydra/core#")
SPDX = Namespace("http://spdx.org/rdf/terms#")
OURS = Path(__file__).parent / "dcat_ap_shapes.ttl"
OFFICIAL = [Path(path) for path in os.environ.get("DCAT_AP_SHAPES", "").split(os.pathsep) if path]
"""The files of the European Union (github.com/SEMICeu/DCAT-AP, releases/3.0.1/html/shacl), where somebody has them."""
HOSTILE = Text(en="<script>\"\\\n</x> & '{{ 7*7 }}", fr="« \u202e » ]]> <!-- é")
ABOUT = About(
    title=both("Catalogue"),
    description=both("All"),
    publisher="Ville d’Exemple",
    publisher_url="https://example.org",
    licence_uri=LICENCES["etalab-2.0"].uri,
)
DATASETS = (
    LAMPS,
    hourly(replace(LAMPS, id="hourly", title=HOSTILE, description=HOSTILE, publisher="<b>", contact="a&b@example.org")),
    replace(LAMPS, id="marked", simulated="mark", not_personal="These are the lamps of the city's streets."),
    replace(LAMPS, id="never", keywords={}, licence=LICENCES["odbl-1.0"], frequency="irregular"),
    replace(LAMPS, id="secret", visibility="internal"),
)


@pytest.fixture
def catalogue(tmp_path: Path) -> OpenCatalogue:
    """Return a catalogue with a published day, a newer version of it, hostile texts, and a dataset without any day."""
    press = Press(tmp_path, devices=[lamp(1), lamp(2, name="<i>"), lamp(3, latitude=None, longitude=None)])

    async def publish() -> None:
        await press.publisher.publish(LAMPS, DAY)
        press.rows.rows_.append(ROW)
        await press.publisher.publish(LAMPS, DAY)
        await press.publisher.publish(DATASETS[2], DAY)

    asyncio.run(publish())
    return made(tmp_path)


def made(folder: Path, datasets: Sequence[Dataset] = DATASETS, page: int = 20) -> OpenCatalogue:
    """Return a catalogue over a folder."""
    shelf = Press(folder).shelf
    return OpenCatalogue(datasets=datasets, types=TYPES, shelf=shelf, about=ABOUT, zone=PARIS, page=page)


def graph_of(catalogue: OpenCatalogue, form: str = "ttl", page: int = 1) -> Graph:
    """Return what a page of the catalogue says."""
    text = asyncio.run(catalogue.catalogue(form, BASE, catalogue.names(), page))
    return Graph().parse(data=text, format={"jsonld": "json-ld", "ttl": "turtle", "rdf": "xml"}[form])


def violations(graph: Graph, *files: Path) -> str:
    """Return what shapes find wrong, nothing if all is well."""
    shapes = Graph()
    for file in files:
        shapes.parse(file)
    result: tuple[bool, Any, str] = pyshacl.validate(graph, shacl_graph=shapes, advanced=True, allow_warnings=True)
    return "" if result[0] else result[2]


@pytest.mark.parametrize("shapes", [[OURS], *([OFFICIAL] if OFFICIAL else [])], ids=lambda files: files[0].stem)
@pytest.mark.parametrize("form", ["jsonld", "ttl", "rdf"])
def test_the_catalogue_is_valid_dcat_ap(catalogue: OpenCatalogue, form: str, shapes: list[Path]) -> None:
    """No shape of DCAT-AP 3 is violated, whatever the texts are, in no form."""
    assert violations(graph_of(catalogue, form), *shapes) == ""


def test_the_shapes_find_what_is_missing(catalogue: OpenCatalogue) -> None:
    """A catalogue without a title, or a file without its dataset's licence and address, would be told."""
    for what in (DCTERMS.title, DCTERMS.publisher, DCAT.accessURL, DCTERMS.license):
        graph = graph_of(catalogue)
        graph.remove((None, what, None))

        assert "Violation" in violations(graph, OURS)


def test_every_form_says_the_same(catalogue: OpenCatalogue) -> None:
    """But for the names of the pages, which lead on in the same form."""

    def bare(form: str) -> frozenset[Any]:
        graph = graph_of(catalogue, form)
        return frozenset(triple for triple in to_canonical_graph(graph) if "?page=" not in f"{triple[0]}{triple[2]}")

    assert bare("jsonld") == bare("ttl") == bare("rdf")


def test_what_data_gouv_fr_harvests_is_there(catalogue: OpenCatalogue) -> None:
    """Titles, tags, licence, frequency, time and place of a dataset; address, size and checksum of its files."""
    graph = graph_of(catalogue)
    here = URIRef(f"{BASE}/catalog/lamps")

    assert set(graph.objects(here, DCTERMS.title)) == {
        Literal("Lamps (fr)", lang="fr"),
        Literal("Lamps (en)", lang="en"),
    }
    assert Literal("lumière", lang="fr") in set(graph.objects(here, DCAT.keyword))
    assert str(graph.value(here, DCTERMS.accrualPeriodicity)).endswith("/frequency/DAILY")
    period = graph.value(here, DCTERMS.temporal)
    assert graph.value(period, DCAT.startDate) == Literal(DAY)
    box = graph.value(graph.value(here, DCTERMS.spatial), DCAT.bbox)
    assert str(box).startswith("POLYGON((-4.47000 48.39000, -4.46000")
    file = URIRef(f"{BASE}/catalog/lamps/files/2026-11-20_v2.csv")
    assert (here, DCAT.distribution, file) in graph
    assert graph.value(file, DCAT.downloadURL) == file
    assert str(graph.value(file, DCTERMS.license)).endswith("/licence/ETALAB_2_0")
    rights = graph.value(file, DCTERMS.rights)
    assert graph.value(rights, RDFS.label) == Literal("Licence Ouverte / Open Licence version 2.0")
    listed = asyncio.run(catalogue.file("lamps", "2026-11-20_v2.csv"))
    assert int(str(graph.value(file, DCAT.byteSize))) == listed.path.stat().st_size
    assert str(graph.value(graph.value(file, SPDX.checksum), SPDX.checksumValue)) == listed.digest
    assert any("1 late readings were added" in str(text) for text in graph.objects(file, DCTERMS.description))


def test_no_checksum_makes_udata_refuse_a_dataset(catalogue: OpenCatalogue) -> None:
    """Udata keeps sums as text: one that rdflib reads as bytes has an algorithm whose name udata passes over."""
    read_by_udata = {SPDX[f"checksumAlgorithm_{name}"] for name in ("md5", "sha1", "sha256")}
    graph = graph_of(catalogue)
    sums = list(graph.subject_objects(SPDX.checksumValue))

    assert sums
    for checksum, value in sums:
        algorithm = graph.value(checksum, SPDX.algorithm)
        assert "sha256" in str(algorithm)
        assert isinstance(value.toPython(), str) or algorithm not in read_by_udata  # type: ignore[attr-defined]


def test_an_older_version_is_not_offered_to_harvesters(catalogue: OpenCatalogue) -> None:
    """The newest version of a day is the one listed; the older one is still served."""
    graph = graph_of(catalogue)

    assert (None, None, URIRef(f"{BASE}/catalog/lamps/files/2026-11-20.csv")) not in graph
    assert asyncio.run(catalogue.file("lamps", "2026-11-20.csv")).lasting


def test_internal_datasets_are_not_in_the_catalogue(catalogue: OpenCatalogue) -> None:
    """Neither by name nor in any triple."""
    assert "secret" not in catalogue.names()
    assert "secret" not in graph_of(catalogue).serialize(format="nt")


def test_following_next_finds_every_dataset_once(tmp_path: Path) -> None:
    """Pages lead to one another from the first to the last, and say how many datasets there are."""
    some = [replace(LAMPS, id=f"lamps-{number:02}") for number in range(23)]
    catalogue = made(tmp_path, some, page=5)
    found: list[str] = []
    page = 1
    while True:
        graph = graph_of(catalogue, page=page)
        here = URIRef(f"{BASE}/catalog")
        found += [str(each) for each in graph.objects(here, DCAT.dataset)]
        assert int(str(graph.value(here, HYDRA.totalItems))) == 23
        view = graph.value(predicate=RDF.type, object=HYDRA.PartialCollectionView)
        assert view == URIRef(f"{BASE}/catalog.ttl?page={page}")
        following = graph.value(view, HYDRA.next)
        if following is None:
            break
        assert following == URIRef(f"{BASE}/catalog.ttl?page={page + 1}")
        page += 1

    assert sorted(found) == sorted(f"{BASE}/catalog/{each.id}" for each in some)
    assert page == 5


def test_a_page_that_there_is_not_is_told(catalogue: OpenCatalogue) -> None:
    """An empty catalogue has one page."""
    with pytest.raises(NotFoundError, match="1 page"):
        graph_of(catalogue, page=2)


def test_one_dataset_says_alone_what_it_says_in_the_catalogue(catalogue: OpenCatalogue) -> None:
    """Its own address gives what the catalogue gives."""
    text = asyncio.run(catalogue.described("ttl", BASE, "lamps"))
    alone = Graph().parse(data=text, format="turtle")
    here = URIRef(f"{BASE}/catalog/lamps")

    assert set(alone.objects(here, DCAT.distribution)) == set(graph_of(catalogue).objects(here, DCAT.distribution))
    assert violations(alone, OURS) == ""
