"""The house keeps its shape: every package is built, checked and held by the import contracts."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}


def test_every_package_is_in_the_wheel() -> None:
    """A folder with an ``__init__.py`` ships, and nothing else does."""
    assert set(SETTINGS["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == PACKAGES


def test_every_package_is_under_the_import_contracts() -> None:
    """A package that nobody placed would be invisible to the contracts."""
    assert set(SETTINGS["tool"]["importlinter"]["root_packages"]) == PACKAGES


def test_every_package_is_type_checked_and_measured() -> None:
    """Mypy and coverage look at every package."""
    assert set(SETTINGS["tool"]["mypy"]["packages"]) == PACKAGES | {"tests"}
    assert set(SETTINGS["tool"]["coverage"]["run"]["source"]) == PACKAGES


def test_the_project_speaks_of_no_machine() -> None:
    """No tracked text names a path of the machine it was written on."""
    names = [path for suffix in ("py", "md", "toml", "sql", "json") for path in ROOT.rglob(f"*.{suffix}")]
    texts = [path for path in names if not {".venv", ".git", "penfeld-data"} & set(path.parts)]
    needle = "/" + "work" + "/"

    assert [str(path) for path in texts if needle in path.read_text(errors="replace")] == []
