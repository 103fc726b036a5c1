"""The catalogue as RDF: DCAT-AP 3, paged by Hydra. The only module here that knows rdflib.

Rules:

1. What data.gouv.fr harvests is there: title, description, tags, licence, frequency, times, places, files with checksum
   and size (doc.data.gouv.fr/moissonnage/dcat); what DCAT-AP asks for comes from the European Union's lists.
2. A page names all pages: ``hydra:next`` leads through the whole catalogue, and each dataset stands on one page, whole.
3. Names are those of ``/catalog``: what a name says does not hang on the page or the form it is read in.
4. No more than ``SHOWN`` days of a dataset are listed, the newest: a harvester keeps an entry a file.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import quote

from rdflib import BNode, Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, RDF, RDFS, SKOS, XMLNS, XSD

from model.dataset import THEMES, Dataset, Day, DayFile, Version
from model.device import Text
from model.resolution import Resolution

SHOWN = 31
FORMS: Mapping[str, str] = {"jsonld": "json-ld", "ttl": "turtle", "rdf": "xml"}
"""What a form is called in an address -> what rdflib calls it."""
_ADMS = Namespace("http://www.w3.org/ns/adms#")
_DCATAP = Namespace("http://data.europa.eu/r5r/")
_HYDRA = Namespace("http://www.w3.org/ns/hydra/core#")
_GEO = Namespace("http://www.opengis.net/ont/geosparql#")
_SPDX = Namespace("http://spdx.org/rdf/terms#")
_VCARD = Namespace("http://www.w3.org/2006/vcard/ns#")
_SHA256 = "https://spdx.org/rdf/3.0.1/terms/Core/HashAlgorithm/sha256"
"""SHA-256 by its name in SPDX 3. Where udata, which is data.gouv.fr, meets the name of SPDX 2, it takes the sum in hex
that DCAT-AP asks for as bytes, and then refuses the whole dataset; a name it does not know it passes over."""
_EU = "http://publications.europa.eu/resource/authority"
_IANA = "https://www.iana.org/assignments/media-types"
_PREFIXES = {
    "adms": _ADMS,
    "dcatap": _DCATAP,
    "hydra": _HYDRA,
    "geosparql": _GEO,
    "spdx": _SPDX,
    "vcard": _VCARD,
    "dcat": DCAT,
    "dct": DCTERMS,
    "foaf": FOAF,
    "rdf": RDF,
    "rdfs": RDFS,
    "skos": SKOS,
    "xml": XMLNS,
    "xsd": XSD,
}
_LANGUAGES = {"en": "ENG", "fr": "FRA"}
_FILES: Mapping[str, tuple[str, str, Text]] = {
    ".csv": ("text/csv", "CSV", Text(en="CSV", fr="CSV")),
    ".parquet": ("application/vnd.apache.parquet", "PARQUET", Text(en="Parquet", fr="Parquet")),
    ".json": ("application/json", "JSON", Text(en="JSON", fr="JSON")),
}
_DURATIONS = {Resolution.QUARTER: "PT15M", Resolution.HOUR: "PT1H", Resolution.DAY: "P1D"}
_SIMULATED = Text(en="Simulated data: nothing of it was measured", fr="Données simulées : rien de ceci n’a été mesuré")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the catalogue knows of a dataset. ``days``: all published ones, in order; ``shown``: the newest of them.

    ``living``: files that say how things are now, with their sizes; ``box``: west, south, east, north, in degrees.
    """

    dataset: Dataset
    days: Sequence[date]
    shown: Sequence[Day]
    living: Mapping[str, int]
    box: tuple[float, float, float, float] | None = None

    @property
    def modified(self) -> datetime | None:
        """When anything of it was published last, as far as it is shown."""
        return max((day.current.frozen_at for day in self.shown), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the catalogue says of itself."""

    title: Text
    description: Text
    publisher: str
    publisher_url: str
    licence_uri: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of several, counted from 1. ``total``: datasets on all of them."""

    number: int
    last: int
    total: int


def catalogue(form: str, base: str, about: About, entries: Sequence[Entry], page: Page) -> bytes:
    """Return one page of the catalogue. ``base``: the address of the site, without a slash at its end."""
    graph = _graph()
    here = URIRef(f"{base}/catalog")
    graph.add((here, RDF.type, DCAT.Catalog))
    _texts(graph, here, DCTERMS.title, about.title)
    _texts(graph, here, DCTERMS.description, about.description)
    graph.add((here, DCTERMS.publisher, _agent(graph, about.publisher, about.publisher_url)))
    _typed(graph, here, FOAF.homepage, f"{here}.html", FOAF.Document)
    graph.add((here, DCTERMS.license, _licence(graph, about.licence_uri)))
    themes = URIRef(f"{_EU}/data-theme")
    graph.add((here, DCAT.themeTaxonomy, themes))
    graph.add((themes, RDF.type, SKOS.ConceptScheme))
    _texts(graph, themes, DCTERMS.title, Text(en="Data theme", fr="Thème de données"))
    _languages(graph, here)
    if modified := max((when for entry in entries if (when := entry.modified)), default=None):
        graph.add((here, DCTERMS.modified, _moment(modified)))
    for entry in entries:
        graph.add((here, DCAT.dataset, _dataset(graph, base, entry)))
    _paging(graph, here, form, page)
    return _written(graph, form)


def described(form: str, base: str, entry: Entry) -> bytes:
    """Return one dataset."""
    graph = _graph()
    _dataset(graph, base, entry)
    return _written(graph, form)


def _paging(graph: Graph, here: URIRef, form: str, page: Page) -> None:
    """Tell which page this is, and which there are."""

    def address(number: int) -> URIRef:
        return URIRef(f"{here}.{form}?page={number}")

    view = address(page.number)
    graph.add((here, RDF.type, _HYDRA.Collection))
    graph.add((here, _HYDRA.totalItems, Literal(page.total)))
    graph.add((here, _HYDRA.view, view))
    graph.add((view, RDF.type, _HYDRA.PartialCollectionView))
    graph.add((view, _HYDRA.first, address(1)))
    graph.add((view, _HYDRA.last, address(page.last)))
    if page.number > 1:
        graph.add((view, _HYDRA.previous, address(page.number - 1)))
    if page.number < page.last:
        graph.add((view, _HYDRA.next, address(page.number + 1)))


def _dataset(graph: Graph, base: str, entry: Entry) -> URIRef:
    dataset = entry.dataset
    here = URIRef(f"{base}/catalog/{quote(dataset.id)}")
    graph.add((here, RDF.type, DCAT.Dataset))
    graph.add((here, DCTERMS.identifier, Literal(dataset.id)))
    _texts(graph, here, DCTERMS.title, dataset.title)
    _texts(graph, here, DCTERMS.description, dataset.description)
    graph.add((here, DCTERMS.publisher, _agent(graph, dataset.publisher, dataset.publisher_url)))
    graph.add((here, DCAT.contactPoint, _contact(graph, dataset)))
    for language, words in dataset.keywords.items():
        for word in words:
            graph.add((here, DCAT.keyword, Literal(word, lang=language)))
    graph.add((here, DCAT.theme, _concept(graph, f"{_EU}/data-theme/{dataset.theme}", THEMES[dataset.theme])))
    often = f"frequency/{_frequency(dataset.frequency)}"
    _listed(graph, here, DCTERMS.accrualPeriodicity, often, DCTERMS.Frequency)
    _listed(graph, here, DCTERMS.accessRights, "access-right/PUBLIC", DCTERMS.RightsStatement)
    graph.add((here, DCTERMS.license, _licence(graph, dataset.licence.uri)))
    _typed(graph, here, DCAT.landingPage, f"{here}.html", FOAF.Document)
    _languages(graph, here)
    if dataset.resolution in _DURATIONS:
        duration = Literal(_DURATIONS[dataset.resolution], datatype=XSD.duration, normalize=False)
        graph.add((here, DCAT.temporalResolution, duration))
    if dataset.simulated == "mark":
        graph.add((here, DCTERMS.provenance, _provenance(graph, _SIMULATED)))
    if dataset.not_personal:
        graph.add(
            (here, DCTERMS.provenance, _provenance(graph, Text(en=dataset.not_personal, fr=dataset.not_personal)))
        )
    _extent(graph, here, entry)
    for day in reversed(entry.shown):
        for file in day.current.files:
            graph.add((here, DCAT.distribution, _day_file(graph, here, dataset, day, file)))
    for name, size in entry.living.items():
        graph.add((here, DCAT.distribution, _living_file(graph, here, dataset, name, size)))
    return here


def _extent(graph: Graph, here: URIRef, entry: Entry) -> None:
    """Tell from when to when, and where."""
    if entry.days:
        first = entry.shown[0].versions[0].frozen_at
        if len(entry.shown) == len(entry.days):
            graph.add((here, DCTERMS.issued, _moment(first)))
        if entry.modified:
            graph.add((here, DCTERMS.modified, _moment(entry.modified)))
        period = BNode()
        graph.add((here, DCTERMS.temporal, period))
        graph.add((period, RDF.type, DCTERMS.PeriodOfTime))
        graph.add((period, DCAT.startDate, Literal(entry.days[0])))
        graph.add((period, DCAT.endDate, Literal(entry.days[-1])))
    if entry.box is not None:
        west, south, east, north = entry.box
        corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
        ring = ", ".join(f"{longitude:.5f} {latitude:.5f}" for longitude, latitude in corners)
        shape = Literal(f"POLYGON(({ring}))", datatype=_GEO.wktLiteral)
        place = BNode()
        graph.add((here, DCTERMS.spatial, place))
        graph.add((place, RDF.type, DCTERMS.Location))
        graph.add((place, DCAT.bbox, shape))
        middle = f"POINT({(west + east) / 2:.6f} {(south + north) / 2:.6f})"
        graph.add((place, DCAT.centroid, Literal(middle, datatype=_GEO.wktLiteral)))


def _day_file(graph: Graph, dataset_at: URIRef, dataset: Dataset, day: Day, file: DayFile) -> URIRef:
    """Tell of one file of the newest version of a day."""
    version: Version = day.current
    here, title = _file(graph, dataset_at, dataset, file.name)
    mark = "" if version.number == 1 else f" (v{version.number})"
    shown = day.day.isoformat()
    _texts(graph, here, DCTERMS.title, Text(en=f"{shown}, {title.en}{mark}", fr=f"{shown}, {title.fr}{mark}"))
    about = Text(
        en=f"{version.rows} rows of {version.devices} devices, {version.flagged} flagged readings",
        fr=f"{version.rows} lignes, {version.devices} appareils, {version.flagged} mesures signalées",
    )
    note = Text(en=version.note.get("en", ""), fr=version.note.get("fr", ""))
    if note.en:
        about = Text(en=f"{about.en}; {note.en}", fr=f"{about.fr} ; {note.fr}")
    _texts(graph, here, DCTERMS.description, about)
    graph.add((here, DCAT.byteSize, Literal(file.size, datatype=XSD.nonNegativeInteger)))
    graph.add((here, DCTERMS.issued, _moment(day.versions[0].frozen_at)))
    graph.add((here, DCTERMS.modified, _moment(version.frozen_at)))
    checksum = BNode()
    graph.add((here, _SPDX.checksum, checksum))
    graph.add((checksum, RDF.type, _SPDX.Checksum))
    _typed(graph, checksum, _SPDX.algorithm, _SHA256, _SPDX.ChecksumAlgorithm)
    graph.add((checksum, _SPDX.checksumValue, Literal(file.sha256, datatype=XSD.hexBinary)))
    schema = URIRef(f"{dataset_at}/files/schema.json")
    graph.add((here, DCTERMS.conformsTo, schema))
    graph.add((schema, RDF.type, DCTERMS.Standard))
    return here


def _living_file(graph: Graph, dataset_at: URIRef, dataset: Dataset, name: str, size: int) -> URIRef:
    """Tell of a file that says how things are now."""
    here, _ = _file(graph, dataset_at, dataset, name)
    title, about = LIVING_TEXTS[name]
    _texts(graph, here, DCTERMS.title, title)
    _texts(graph, here, DCTERMS.description, about)
    graph.add((here, DCAT.byteSize, Literal(size, datatype=XSD.nonNegativeInteger)))
    return here


def _file(graph: Graph, dataset_at: URIRef, dataset: Dataset, name: str) -> tuple[URIRef, Text]:
    """Tell what all files have; return the file and what its format is called."""
    media, kind, title = _FILES[name[name.rindex(".") :]]
    here = URIRef(f"{dataset_at}/files/{quote(name)}")
    graph.add((here, RDF.type, DCAT.Distribution))
    graph.add((here, DCAT.accessURL, dataset_at))
    graph.add((here, DCAT.downloadURL, here))
    _typed(graph, here, DCAT.mediaType, f"{_IANA}/{media}", DCTERMS.MediaType)
    _listed(graph, here, DCTERMS["format"], f"file-type/{kind}", DCTERMS.MediaTypeOrExtent)
    graph.add((here, DCTERMS.license, _licence(graph, dataset.licence.uri)))
    rights = BNode()  # the licence by its name: harvesters that know no European list find it
    graph.add((here, DCTERMS.rights, rights))
    graph.add((rights, RDF.type, DCTERMS.RightsStatement))
    graph.add((rights, RDFS.label, Literal(dataset.licence.title)))
    stable = _concept(graph, f"{_EU}/planned-availability/STABLE", Text(en="stable", fr="stable"))
    graph.add((here, _DCATAP.availability, stable))
    return here, title


LIVING_TEXTS: Mapping[str, tuple[Text, Text]] = {
    "fields.csv": (
        Text(en="Table of fields, CSV", fr="Table des champs, CSV"),
        Text(en="Each column with type, unit and titles", fr="Chaque colonne, son type, son unité et ses titres"),
    ),
    "schema.json": (
        Text(en="Table of fields, Table Schema", fr="Table des champs, Table Schema"),
        Text(en="The same for programs", fr="La même pour les programmes"),
    ),
    "devices.csv": (
        Text(en="List of devices, CSV", fr="Liste des appareils, CSV"),
        Text(en="Each device with its place, as it is now", fr="Chaque appareil et son emplacement actuel"),
    ),
}


def _graph() -> Graph:
    graph = Graph(bind_namespaces="none")
    for prefix, namespace in _PREFIXES.items():
        graph.bind(prefix, namespace)
    return graph


def _written(graph: Graph, form: str) -> bytes:
    if form == "jsonld":
        context = {prefix: str(namespace) for prefix, namespace in _PREFIXES.items() if prefix != "xml"}
        return graph.serialize(format="json-ld", context=context, encoding="utf-8", indent=1)
    return graph.serialize(format=FORMS[form], encoding="utf-8")


def _texts(graph: Graph, here: URIRef, what: URIRef, text: Text) -> None:
    graph.add((here, what, Literal(text.fr, lang="fr")))
    graph.add((here, what, Literal(text.en, lang="en")))


def _typed(graph: Graph, here: URIRef | BNode, what: URIRef, value: str, kind: URIRef) -> None:
    graph.add((here, what, URIRef(value)))
    graph.add((URIRef(value), RDF.type, kind))


def _listed(graph: Graph, here: URIRef, what: URIRef, name: str, kind: URIRef) -> None:
    """Tell something by its name in a list of the European Union: ``frequency/DAILY``."""
    _typed(graph, here, what, f"{_EU}/{name}", kind)
    graph.add((URIRef(f"{_EU}/{name}"), SKOS.inScheme, URIRef(f"{_EU}/{name.partition('/')[0]}")))


def _languages(graph: Graph, here: URIRef, codes: Iterable[str] = ("fr", "en")) -> None:
    for code in codes:
        _listed(graph, here, DCTERMS.language, f"language/{_LANGUAGES[code]}", DCTERMS.LinguisticSystem)


def _licence(graph: Graph, uri: str) -> URIRef:
    graph.add((URIRef(uri), RDF.type, DCTERMS.LicenseDocument))
    graph.add((URIRef(uri), SKOS.inScheme, URIRef(uri.rpartition("/")[0])))
    return URIRef(uri)


def _concept(graph: Graph, uri: str, label: Text) -> URIRef:
    graph.add((URIRef(uri), RDF.type, SKOS.Concept))
    graph.add((URIRef(uri), SKOS.inScheme, URIRef(uri.rpartition("/")[0])))
    _texts(graph, URIRef(uri), SKOS.prefLabel, label)
    return URIRef(uri)


def _agent(graph: Graph, name: str, url: str) -> BNode | URIRef:
    agent = URIRef(url) if url else BNode()
    graph.add((agent, RDF.type, FOAF.Agent))
    graph.add((agent, RDF.type, FOAF.Organization))
    graph.add((agent, FOAF.name, Literal(name)))
    return agent


def _contact(graph: Graph, dataset: Dataset) -> BNode:
    contact = BNode()
    graph.add((contact, RDF.type, _VCARD.Kind))
    graph.add((contact, _VCARD.fn, Literal(dataset.contact_name or dataset.publisher)))
    graph.add((contact, _VCARD.hasEmail, URIRef(f"mailto:{quote(dataset.contact, safe='@')}")))
    return contact


def _provenance(graph: Graph, text: Text) -> BNode:
    provenance = BNode()
    graph.add((provenance, RDF.type, DCTERMS.ProvenanceStatement))
    graph.add((provenance, RDFS.label, Literal(text.fr, lang="fr")))
    graph.add((provenance, RDFS.label, Literal(text.en, lang="en")))
    return provenance


def _moment(when: datetime) -> Literal:
    return Literal(when.replace(microsecond=0))


def _frequency(word: str) -> str:
    return {"irregular": "IRREG"}.get(word, word.upper())
