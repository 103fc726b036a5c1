"""The console with accounts, in a real Chromium: logging in and out, and what a reader may not see."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.integration.console_city import HIDDEN, WORDS
from tests.integration.test_console_pages import ARGUMENTS, CHROMIUM


@pytest.fixture(scope="module")
def city() -> Iterator[str]:
    """Serve a city with accounts as long as the module's tests run; return its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.integration.console_city", "20", "0", "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), "the city did not start: its error stands above"
        yield address
        process.stdin.close()
        assert process.wait(15) == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


def logged_in(browser: Browser, city: str, name: str, path: str = "/", locale: str = "en-GB") -> Page:
    """Open a page as somebody, by way of the page on which people log in."""
    page = browser.new_context(locale=locale, viewport={"width": 1280, "height": 860}).new_page()
    page.goto(city + path)
    page.locator("input[name=name]").fill(name)
    page.locator("input[name=password]").fill(WORDS)
    page.locator("button[type=submit]").click()
    page.wait_for_url(city + path)
    return page


@pytest.mark.parametrize(
    ("locale", "title", "wrong"),
    [("en-GB", "Log in", "Name or password is wrong."), ("fr-FR", "Connexion", "Nom ou mot de passe incorrect.")],
)
def test_who_is_nobody_logs_in_first(browser: Browser, city: str, locale: str, title: str, wrong: str) -> None:
    """Every page leads there, in the reader's language; what is wrong is told, and nobody is let in."""
    page = browser.new_context(locale=locale).new_page()
    page.goto(f"{city}/devices?type=penfeld_streetlight")
    expect(page.locator("h1")).to_have_text(title)
    page.locator("input[name=name]").fill("anne")
    page.locator("input[name=password]").fill("something else")
    page.locator("button[type=submit]").click()

    expect(page.locator("#said")).to_have_text(wrong)
    assert page.url.startswith(f"{city}/login?next=")
    page.context.close()


def test_an_admin_sees_everything_and_logs_out(browser: Browser, city: str) -> None:
    """The page that was wanted, the hidden lamp, accounts and what was changed; afterwards none of it."""
    page = logged_in(browser, city, "anne", f"/devices/{HIDDEN}")
    expect(page.locator("h1")).to_have_text("Rue 0 n°7")
    page.goto(f"{city}/access")
    expect(page.locator("h1")).to_have_text("Access")
    expect(page.get_by_text("user.added").first).to_be_visible()
    cookie = next(one for one in page.context.cookies() if one["name"] == "penfeld-session")
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    page.locator("[data-account=anne]").click()
    page.wait_for_url(f"{city}/login")
    old = httpx.get(f"{city}/api/v1/devices", headers={"Cookie": f"penfeld-session={cookie['value']}"})

    assert old.status_code == 401
    page.goto(f"{city}/access")
    expect(page.locator("h1")).to_have_text("Log in")
    page.context.close()


def test_a_viewer_sees_neither_hidden_devices_nor_pages_of_others(browser: Browser, city: str) -> None:
    """The map, the list and the address of a hidden lamp know nothing of it; others' pages are refused."""
    page = logged_in(browser, city, "jean", "/devices?search=lamp-000")
    expect(page.locator("h1")).to_have_text("Devices")
    expect(page.get_by_text("lamp-0006").first).to_be_visible()
    assert page.get_by_text(HIDDEN).count() == 0
    page.goto(f"{city}/devices/{HIDDEN}")
    expect(page.locator("h1")).to_have_text("There is nothing here")
    links = page.locator("nav a").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    refused = [page.goto(f"{city}{path}") for path in ("/ledger", "/quarantine", "/access", "/rules/new", "/elsewhere")]

    assert links == ["/", "/alarms", "/devices", "/device-types"]
    assert [one.status if one else 0 for one in refused] == [403] * 5
    page.context.close()


def test_another_site_cannot_open_a_line_or_a_frame(city: str) -> None:
    """The console's socket refuses strange origins; pages and answers say that they are in no frame."""
    socket = "/_nicegui_ws/socket.io/?EIO=4&transport=polling"
    strange = httpx.get(city + socket, headers={"Origin": "https://elsewhere.example"})
    pages = [httpx.get(f"{city}{path}") for path in ("/login", "/api/v1/devices", "/healthz")]

    assert strange.status_code == 403
    assert all("frame-ancestors 'none'" in one.headers["Content-Security-Policy"] for one in pages)
    assert {one.headers["X-Content-Type-Options"] for one in pages} == {"nosniff"}


@pytest.mark.parametrize("target", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example", "x"])
def test_logging_in_leads_to_no_other_site(city: str, target: str) -> None:
    """Whatever an address says about where to go next."""
    page = httpx.get(f"{city}/login", params={"next": target})

    assert 'data-next="/"' in page.text


def test_a_line_to_a_page_is_for_its_session_only(browser: Browser, city: str) -> None:
    """Who knows the name of somebody's open page, but has not that session, is refused its line."""
    page = logged_in(browser, city, "anne", "/access")
    line = f"{city}/_nicegui_ws/socket.io/"
    wanted = {"client_id": page.evaluate("() => window.clientId"), "EIO": "4", "transport": "polling"}
    cookies = {one["name"]: one["value"] for one in page.context.cookies()}

    assert httpx.get(line, params=wanted).status_code == 403
    assert httpx.get(line, params=wanted, cookies=cookies).status_code == 200
    page.context.close()


def test_what_is_changed_on_a_page_is_written_down(browser: Browser, city: str) -> None:
    """Who has quarantined frames taken up again stands in the list of changes."""
    page = logged_in(browser, city, "anne", "/quarantine")
    page.get_by_role("button", name="Replay…").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Replay", exact=True).click()
    expect(page.get_by_text("are marked; ingest takes them up within seconds")).to_be_visible()
    page.goto(f"{city}/access")

    expect(page.get_by_text("quarantine.replay").first).to_be_visible()
    page.context.close()
