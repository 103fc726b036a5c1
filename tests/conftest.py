"""What holds for every test: a skip is never silent.

Each skipped test is printed at the end with its reason. Where ``CI`` is set, a machine is meant to have everything but
TimescaleDB (no package registry has it) and Grafana (GRAFANA_URL), so any other skip fails the run.
"""

import os

import pytest

ALLOWED_IN_CI = ("TimescaleDB", "GRAFANA_URL")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    surprises = config.stash.get(_SURPRISES, [])
    for line in surprises:
        terminalreporter.write_line(f"unexpected skip: {line}", red=True)


_SURPRISES = pytest.StashKey[list[str]]()


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> object:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None:
        skipped = [(report.nodeid, str(report.longrepr)) for report in reporter.stats.get("skipped", [])]
        surprises = [
            f"{nodeid}: {reason}" for nodeid, reason in skipped if not any(name in reason for name in ALLOWED_IN_CI)
        ]
        session.config.stash[_SURPRISES] = surprises
        if surprises and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return (yield)
