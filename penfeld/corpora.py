"""Published codecs on disk: a folder's files as the readers want them, and every example run in the cage."""

import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from decoders.corpora import LOOKED_FOR, Fixture, Found, Published, read
from decoders.corpora.comparison import difference
from decoders.corpora.published import too_deep
from decoders.drafts import About, Draft, Said, draft, file_name
from decoders.output import output_of
from ingest.cage import Cage, CageConfig
from model.errors import BadRequestError
from model.script import Result, Way

_ENDINGS = frozenset({".js", ".json", ".yaml", ".yml", ".toml"})
_PASSED_OVER = frozenset({"node_modules", "__pycache__"})
_WAYS: tuple[Way, ...] = ("uplink", "downlink", "back")
_LARGEST = 4_000_000
"""Bytes: bundles of scripts have up to one million; larger files are data."""


class Folder(Mapping[str, str]):
    """The files of a folder that may belong to a codec: their paths in it -> their text, read when it is asked for.

    ``flat``: only the files of the folder itself. Hidden folders and what links elsewhere are passed over.
    """

    def __init__(self, root: Path, *, flat: bool = False) -> None:
        self._root = root
        self._texts: dict[str, str | None] = dict.fromkeys(sorted(_paths(root, flat=flat)))

    def __getitem__(self, path: str) -> str:
        """Return the text of a file; what is no UTF-8 in it is marked."""
        text = self._texts[path]
        if text is None:
            text = self._texts[path] = (self._root / path).read_text(encoding="utf-8", errors="replace")
        return text

    def __iter__(self) -> Iterator[str]:
        """Iterate over the paths, sorted."""
        return iter(self._texts)

    def __len__(self) -> int:
        """How many files there are."""
        return len(self._texts)


def _paths(root: Path, *, flat: bool) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = [] if flat else [name for name in folders if name not in _PASSED_OVER and not name.startswith(".")]
        for name in names:
            file = Path(folder) / name
            if file.suffix in _ENDINGS and not file.is_symlink() and file.is_file() and file.stat().st_size <= _LARGEST:
                yield file.relative_to(root).as_posix()


def found_in(path: Path) -> Found:
    """Return the codecs of a folder, or of one script; raise ``BadRequestError`` saying what was looked for."""
    if path.is_file() and path.suffix == ".js":
        beside = Folder(path.parent, flat=True)
        found = read(beside)
        own = tuple(codec for codec in found.codecs if codec.path == path.name)
        if not own:
            own = read({name: beside[name] for name in beside if name == path.name}).codecs
        found = Found(own)
    elif path.is_dir():
        found = read(Folder(path))
    else:
        raise BadRequestError(f"{path} is neither a folder nor a script (.js)")
    if not found.codecs:
        looked = "".join(f"\n  {form}" for form in LOOKED_FOR)
        problems = "".join(f"\n  {problem}" for problem in found.problems[:3])
        raise BadRequestError(f"{path} holds no codec. Looked for:{looked}{problems}")
    return found


@dataclass(frozen=True, slots=True)
class Tried:
    """A fixture, what the codec gave, and how that differs from what was promised (``None``: not at all)."""

    fixture: Fixture
    result: Result
    difference: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one codec's examples. Those that cannot be read count as failed."""

    codec: Published
    tried: tuple[Tried, ...]

    @property
    def total(self) -> int:
        """How many examples it has."""
        return len(self.tried) + len(self.codec.broken)

    @property
    def passed(self) -> int:
        """How many of them it satisfies."""
        return sum(one.difference is None for one in self.tried)

    @property
    def failures(self) -> list[str]:
        """What went wrong, in short, each with its example."""
        wrong = [f"{one.fixture.name}: {one.difference}" for one in self.tried if one.difference is not None]
        return [*wrong, *self.codec.broken]


async def run_all(codecs: Sequence[Published], config: CageConfig | None = None) -> AsyncIterator[Outcome]:
    """Yield what becomes of each codec's examples, in order. Each runs in the cage; none can hurt another."""
    async with Cage(config) as cage:
        for codec in codecs:
            yield Outcome(codec, tuple([one async for one in _tried(cage, codec)]))


async def _tried(cage: Cage, codec: Published) -> AsyncIterator[Tried]:
    for way in _WAYS:
        fixtures = [fixture for fixture in codec.fixtures if fixture.way == way]
        results = await cage.run(codec.script, way, [fixture.call for fixture in fixtures])
        for fixture, result in zip(fixtures, results, strict=True):
            told = Result(errors=(f"{codec.path}: the answer is nested too deep",)) if too_deep(result.data) else result
            yield Tried(fixture, told, difference(fixture.expected, told))


def plain(codec: Published) -> Published:
    """Return a codec with its uplinks as a device file has them: without a time, and what else may go along."""
    uplinks = (one for one in codec.fixtures if one.way == "uplink")
    return replace(
        codec, fixtures=tuple(replace(one, time=None, context=None, variables={}, more={}) for one in uplinks)
    )


def device_of(tried: Outcome, plainly: Outcome, fallback: str, taken: set[str]) -> tuple[str, Draft]:
    """Return the name and the device file that a codec becomes, whose name is none of ``taken`` and is put there.

    ``tried``: what it says of its examples, which gives the fields; ``plainly``: of the same as ``plain`` has them,
    which gives examples that hold. ``fallback``: who makes it, where the layout does not say so.
    """
    codec = tried.codec
    vendor = codec.vendor or fallback
    name = bare = file_name(vendor, codec.model)
    number = 1
    while name in taken:
        number += 1
        name = f"{bare}_{number}"
    taken.add(name)
    about = About(
        title=codec.title or f"{vendor} {codec.model}",
        vendor=vendor,
        model=codec.model,
        source=f"{codec.layout}: {codec.path}",
        codec={"script": f"{name}.js"},
    )
    return name, draft(name, about, [one.output for one in _said(tried)], _said(plainly))


def _said(outcome: Outcome) -> list[Said]:
    """Return what a codec says of the uplinks that it can read."""
    return [
        Said(one.fixture.name, one.fixture.given, one.fixture.f_port, output_of(one.result))
        for one in outcome.tried
        if isinstance(one.fixture.given, bytes) and one.fixture.way == "uplink" and not one.result.errors
    ]


def write(folder: Path, name: str, script: str, device: str, *, force: bool) -> Path | None:
    """Write script and device file; where one is there already and ``force`` is not given, return it and write none."""
    texts = {folder / f"{name}.js": script, folder / f"{name}.toml": device}
    there = next((file for file in texts if file.exists()), None)
    if there is not None and not force:
        return there
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        file.write_text(text, encoding="utf-8", newline="")
    return None
