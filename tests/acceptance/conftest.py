"""One demonstration that ends by itself, and one that stays: many tests look at each."""

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command import Service, get, penfeld, processes_of, service, until

FOR_S = 20


@dataclass(frozen=True)
class Finished:
    """A demonstration that ended: what it printed, what ran on when it had ended, and the folder it left."""

    done: subprocess.CompletedProcess[str]
    account: dict[str, Any]
    left_behind: list[str]
    folder: Path


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder outside pytest's, which locks out the user as whom root's database runs."""
    with tempfile.TemporaryDirectory(prefix="penfeld-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make an empty folder."""
    with temporary_folder() as path:
        yield path


@pytest.fixture(scope="session")
def finished() -> Iterator[Finished]:
    """Run ``penfeld demo --for 20 --json`` with everything embedded and the whole default city."""
    with temporary_folder() as path:
        done = penfeld("demo", "--for", str(FOR_S), "--json", "--port", "0", folder=path)
        assert done.returncode == 0, done.stderr
        yield Finished(done, json.loads(done.stdout.splitlines()[-1]), processes_of(path), path)


@pytest.fixture(scope="session")
def city() -> Iterator[Service]:
    """Run a small city for as long as the tests do."""
    words = ("--lamps", "10", "--meters", "5", "--sigfox", "4", "--trams", "3", "--no-history")
    with temporary_folder() as path, service("demo", "--port", "0", *words, folder=path) as running:
        until(lambda: get(f"{running.runtime['api']}/api/v1/latest")["items"], running)
        yield running
