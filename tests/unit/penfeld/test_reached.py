"""Who reaches an API that asks nobody who he is."""

from dataclasses import replace

import pytest

from model.access import Role
from model.errors import ConfigError
from penfeld.checks import Level, account_findings, reach_findings
from penfeld.config import AccessSettings, ApiSettings, Config
from penfeld.reached import reach_checked
from tests.fakes.access import Access
from tests.unit.storage.batches import NOON

ACCOUNTS = Config(access=AccessSettings(mode="accounts"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_needs_no_accounts(host: str) -> None:
    """So the first five minutes are without a login."""
    reach_checked(Config(), host)
    assert [one.level for one in reach_findings(Config(api=ApiSettings(host=host)))] == [Level.OK]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "iot.city.example", ""])  # noqa: S104 -- looked at only
def test_other_machines_do_not_reach_it_without(host: str) -> None:
    """The error says what to do, and so does the doctor; with accounts it may."""
    with pytest.raises(ConfigError, match="penfeld user add NAME --role admin"):
        reach_checked(Config(), host)
    assert [one.level for one in reach_findings(Config(api=ApiSettings(host=host)))] == [Level.FAIL]
    reach_checked(ACCOUNTS, host)
    assert reach_findings(replace(ACCOUNTS, api=ApiSettings(host=host))) == []


async def test_the_doctor_wants_an_admin() -> None:
    """Accounts that nobody manages are told, with the command; without accounts none is wanted."""
    access = Access()
    await access.add_user("jean", Role.VIEWER, None, who="setup", at=NOON)
    before = await account_findings(ACCOUNTS, access)
    await access.add_user("anne", Role.ADMIN, None, who="setup", at=NOON)
    after = await account_findings(ACCOUNTS, access)

    assert [(one.level, "user add" in one.remedy) for one in before] == [(Level.FAIL, True)]
    assert [(one.level, one.text) for one in after] == [(Level.OK, "2 accounts")]
    assert await account_findings(Config(), access) == []
