"""One demonstration that ends by itself, and one that stays: many tests look at each."""

import json
import subprocess
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


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """``penfeld demo --for 20 --json`` with everything embedded and the whole default city."""
    folder = tmp_path_factory.mktemp("demo")
    done = penfeld("demo", "--for", str(FOR_S), "--json", "--port", "0", folder=folder)
    assert done.returncode == 0, done.stderr
    return Finished(done, json.loads(done.stdout.splitlines()[-1]), processes_of(folder), folder)


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Run a small city for as long as the tests do."""
    folder = tmp_path_factory.mktemp("city")
    words = ("--lamps", "10", "--meters", "5", "--sigfox", "4", "--trams", "3", "--no-history")
    with service("demo", "--port", "0", *words, folder=folder) as running:
        until(lambda: get(f"{running.runtime['api']}/api/v1/latest")["items"], running)
        yield running
