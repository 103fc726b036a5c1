"""The console in a real Chromium, in front of the real application with a made-up city behind it."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from decoders.catalogue import Catalogue

expect.set_options(timeout=30_000)  # ms, as for pages: on a slow machine what is live is late, and no failure

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAGES = {
    "/": ("Live map", "Carte en direct"),
    "/devices": ("Devices", "Appareils"),
    "/devices/lamp-0007": ("Rue 0 n°7", "Rue 0 n°7"),
    "/devices/tram-03": ("Rame 1004", "Rame 1004"),
    "/device-types": ("Device types", "Types d’appareil"),
    "/device-types/penfeld_streetlight": ("Penfeld streetlight controller", "Contrôleur de luminaire Penfeld"),
    "/device-types/lab_mast": ("Weather mast", "Mât météo"),
    "/device-types/lab_gate": ("Tide gate", "Vanne"),
    "/devices/mast-01": ("Mât 1", "Mât 1"),
    "/ledger": ("Ledger", "Registre"),
    "/quarantine": ("Quarantine", "Quarantaine"),
}


@dataclass
class Visit:
    """A page in a browser, with what went wrong on it."""

    page: Page
    problems: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def city() -> Iterator[str]:
    """Serve a city as long as the module's tests run; return its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.integration.console_city", "60"],
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


@contextmanager
def visiting(
    browser: Browser, url: str, *, locale: str = "en-GB", width: int = 1280, height: int = 860
) -> Iterator[Visit]:
    """Open a page; what it writes to the console as an error, and what it asks of other hosts, is a problem."""
    context = browser.new_context(locale=locale, viewport={"width": width, "height": height})
    page = context.new_page()
    visit = Visit(page)
    page.on("console", lambda m: visit.problems.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda e: visit.problems.append(str(e)))
    page.on("request", lambda r: visit.problems.append(r.url) if _foreign(r.url) else None)
    page.on("requestfailed", lambda r: visit.problems.append(f"failed: {r.url}"))
    page.goto(url)
    yield visit
    assert visit.problems == []
    context.close()


def _foreign(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"))


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("locale", "position", "language"), [("en-GB", 0, "en"), ("fr-FR", 1, "fr")])
def test_opens(browser: Browser, city: str, path: str, locale: str, position: int, language: str) -> None:
    """Every page opens in both languages without an error and without asking another host, and fits a phone."""
    with visiting(browser, city + path, locale=locale) as visit:
        heading = visit.page.locator("h1")
        expect(heading).to_have_text(PAGES[path][position])
        expect(visit.page.locator("html")).to_have_attribute("lang", re.compile(f"^{language}"))
        expect(visit.page.locator("[aria-current=page]")).to_have_count(1)
        visit.page.set_viewport_size({"width": 390, "height": 844})
        visit.page.wait_for_timeout(1200)  # time for live updates to go wrong
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_markers_move(browser: Browser, city: str) -> None:
    """The map shows every device that has a place, in its state; a tram moves within seconds of speaking."""
    with visiting(browser, city) as visit:
        page = visit.page
        place = "(id) => document.querySelector('.city-map').city?.position(id)"
        page.wait_for_function(f"({place})('tram-03')?.health === 'ok'")
        assert page.evaluate(place, "lamp-0005")["health"] == "alarm"
        assert page.evaluate(place, "lamp-0013")["health"] == "silent"
        assert page.evaluate(place, "lamp-0011")["health"] == "no_data"
        before = page.evaluate(place, "tram-03")
        page.wait_for_function(f"(was) => ({place})('tram-03').lng !== was", arg=before["lng"])


def test_figures_live(browser: Browser, city: str) -> None:
    """The key figures follow the city and the ledger: frames a second, lamps failing, the balance."""
    with visiting(browser, city) as visit:
        page = visit.page
        frames = page.locator(".figure-frames .figure-value")
        expect(frames).to_have_text(re.compile(r"^\d{3}$"))
        expect(page.locator(".figure-lamps small")).to_contain_text("failing")
        expect(page.locator(".sentence")).to_contain_text("received =")
        expect(page.locator(".verdict")).to_contain_text("3 frames are not accounted for")


def test_filters(browser: Browser, city: str) -> None:
    """Pressing a state or searching leaves only those devices on the map; a match can be opened by keyboard."""
    with visiting(browser, city) as visit:
        page = visit.page
        shown = "() => [...document.querySelector('.city-map').city.devices.values()].filter(m => m._map).length"
        page.wait_for_function(f"({shown})() > 100")
        page.get_by_role("button", name=re.compile("^Silent")).click()
        page.wait_for_function(f"({shown})() < 10")
        page.get_by_role("button", name="Show all").click()
        page.wait_for_function(f"({shown})() > 100")
        page.get_by_label("Search id, name, tag").fill("lamp-0007")
        page.wait_for_function(f"({shown})() === 1")
        match = page.get_by_role("link", name="Rue 0 n°7")
        match.focus()
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("Rue 0 n°7")


def test_a_click_opens_the_device(browser: Browser, city: str) -> None:
    """A click on a marker opens its device."""
    with visiting(browser, city) as visit:
        page = visit.page
        spot = """() => {
          const { city } = document.querySelector('.city-map');
          const marker = [...city.devices.values()].find((m) => m.device.id === 'lamp-0030');
          const { x, y } = city.map.latLngToContainerPoint(marker.getLatLng());
          return [x, y];
        }"""
        page.wait_for_function("document.querySelector('.city-map').city?.devices.size > 100")
        x, y = page.evaluate(spot)
        page.locator(".city-map").click(position={"x": x, "y": y})
        expect(page.locator("h1")).to_have_text("Rue 1 n°30")


def test_device_live(browser: Browser, city: str) -> None:
    """A value on the device's page follows the device within seconds, and so does its chart."""
    with visiting(browser, f"{city}/devices/lamp-0001") as visit:
        page = visit.page
        power = page.locator("[data-field=power_w] dd")
        expect(power).to_have_text(re.compile(r"^[\d.]+\sW$"))
        was = power.inner_text()
        expect(power).not_to_have_text(was)
        points = "document.querySelector('.chart').chart?.lines?.[0]?.points.length"
        page.wait_for_function(f"{points} > 80")
        count = page.evaluate(points)
        page.wait_for_function(f"{points} > {count}")
        gaps = "document.querySelector('.chart').chart.lines[0].points.filter(([, v]) => v === null).length"
        assert page.evaluate(gaps) >= 1


def test_charts_change(browser: Browser, city: str) -> None:
    """Fields and time span of the charts are chosen by buttons; a week of a tram is thinned out, and says so."""
    with visiting(browser, f"{city}/devices/tram-03") as visit:
        page = visit.page
        lines = "document.querySelector('.chart').chart?.lines?.length"
        page.wait_for_function(f"{lines} === 2")
        page.get_by_role("button", name="Doors open").click()
        page.wait_for_function(f"{lines} === 3")
        page.get_by_role("button", name="7 d").click()
        expect(page.get_by_text("Thinned out")).to_be_visible()


def test_doubts_and_simulation_are_told(browser: Browser, city: str) -> None:
    """A device's page says in words what is doubtful and that a simulated device is none."""
    with visiting(browser, f"{city}/devices/lamp-0007") as visit:
        expect(visit.page.get_by_text("outside the plausible range 207 … 253").first).to_be_visible()
        expect(visit.page.get_by_text("This device does not exist")).to_be_visible()


@pytest.mark.parametrize(
    ("locale", "heading", "facts"),
    [
        (
            "en-GB",
            "Network",
            {"Demodulation margin": "7\u00a0dB", "External power": "no", "Gateways that heard it": "3"},
        ),
        ("fr-FR", "Réseau", {"Marge de démodulation": "7\u00a0dB", "Niveau de la pile": "87,4\u00a0%"}),
    ],
)
def test_what_the_network_told(browser: Browser, city: str, locale: str, heading: str, facts: dict[str, str]) -> None:
    """A device's page has a table of what its network told, with units and ages; a device without has none."""
    with visiting(browser, f"{city}/devices/lamp-0007", locale=locale) as visit:
        panel = visit.page.locator(".told")
        expect(panel.get_by_role("heading")).to_have_text(heading)
        for title, text in facts.items():
            expect(panel.locator("tr", has_text=title).locator("td").first).to_have_text(text)
        expect(panel.locator("tr", has_text="dBm").locator("td").last).to_have_text("3\u00a0min")
        expect(panel.locator("tbody tr")).to_have_count(9)
        expect(panel.get_by_text("<b>gw-recouvrance</b>")).to_be_visible()
    with visiting(browser, f"{city}/devices/lamp-0008", locale=locale) as visit:
        expect(visit.page.locator("[data-field=power_w] dd")).to_have_text(re.compile("W$"))
        expect(visit.page.locator(".told")).to_be_hidden()


def test_names_are_text(browser: Browser, city: str) -> None:
    """A device named like a script shows that name, everywhere, and nothing runs."""
    name = "<script>window.hacked = true</script>"
    for path in ("/devices", "/devices/lamp-0001"):
        with visiting(browser, city + path) as visit:
            expect(visit.page.get_by_text(name).first).to_be_visible()
            assert visit.page.evaluate("window.hacked") is None
    with visiting(browser, city) as visit:
        visit.page.get_by_label("Search id, name, tag").fill("lamp-0001")
        expect(visit.page.get_by_role("link", name=name)).to_be_visible()
        assert visit.page.evaluate("window.hacked") is None
    with visiting(browser, f"{city}/quarantine") as visit:
        expect(visit.page.get_by_text("<img src=x onerror=window.hacked=true>").first).to_be_visible()
        visit.page.locator("summary").first.click()
        expect(visit.page.locator("pre").first).to_contain_text("<script>")
        assert visit.page.evaluate("window.hacked") is None


def test_list_pages_and_sorts(browser: Browser, city: str) -> None:
    """The list is searched, sorted and turned on the server; its place in the address is taken."""
    with visiting(browser, f"{city}/devices?type=penfeld_streetlight") as visit:
        page = visit.page
        expect(page.locator(".head .muted")).to_have_text("60 devices")
        expect(page.locator("tbody tr")).to_have_count(50)
        page.get_by_role("button", name="Next").click()
        expect(page.locator("tbody tr")).to_have_count(10)
        page.get_by_role("button", name="State").click()
        expect(page.locator("th[aria-sort=ascending]")).to_contain_text("State")
        page.get_by_role("button", name="Previous").click()
        expect(page.locator("tbody tr").first).to_contain_text("Alarm or doubtful")
        page.get_by_label("Search id, name, tag").fill("nowhere")
        expect(page.get_by_text("No device matches.")).to_be_visible()


def test_hex_box(browser: Browser, city: str) -> None:
    """Pasted hex shows fields with units; one cut short shows the byte at which decoding stopped."""
    with visiting(browser, f"{city}/device-types/penfeld_streetlight") as visit:
        page = visit.page
        page.get_by_label("Payload, hex").fill("80 46 0190 003039 08fc 1f 5f")
        page.get_by_label("Port").fill("1")
        page.get_by_role("button", name="Decode").click()
        result = page.locator(".trial-result")
        expect(result.locator("tr", has_text="power_w")).to_contain_text("40\u00a0W")
        expect(result.locator("tr", has_text="driver_temperature_c")).to_contain_text("31\u00a0°C")
        page.get_by_label("Payload, hex").fill("80 46 0190 003039 08")
        page.get_by_role("button", name="Decode").click()
        expect(result).to_contain_text("Not understood at byte 7")
        expect(result.locator(".byte.wrong")).to_have_text("08")
        page.get_by_label("Payload, hex").fill("80 4<b>")
        page.get_by_role("button", name="Decode").click()
        expect(result).to_contain_text("“<” at position 5 is no hex digit.")
        page.get_by_role("button", name="Try", exact=True).first.click()
        expect(result.locator("tr", has_text="power_w")).to_contain_text("40\u00a0W")


def test_a_codec_is_told_and_tried(browser: Browser, city: str) -> None:
    """The page of a type that a script reads tells the script, the paths, and what it says that no field takes."""
    with visiting(browser, f"{city}/device-types/lab_mast") as visit:
        page = visit.page
        expect(page.locator(".facts")).to_contain_text("lab_mast.js")
        expect(page.locator("tr", has_text="wind_ms").first).to_contain_text("wind.speed")
        expect(page.locator("tr", has_text="wind_ms").first).to_contain_text("said in km/h")
        page.get_by_role("button", name="Try", exact=True).click()
        result = page.locator(".trial-result")
        expect(result).to_contain_text("3 bytes understood: 1 reading(s)")
        expect(result.locator("tr", has_text="wind_ms")).to_contain_text("4\u00a0m/s")
        expect(result.locator("tr", has_text="air.humidity")).to_contain_text("71")
        expect(result).to_contain_text("Warning: battery low")
        expect(result.locator("pre")).to_have_text("port 2")


def test_what_a_script_refuses(browser: Browser, city: str) -> None:
    """A script says in its own words what it does not understand; no byte is blamed."""
    with visiting(browser, f"{city}/device-types/lab_gate", locale="fr-FR") as visit:
        visit.page.get_by_role("button", name="Essayer", exact=True).click()
        result = visit.page.locator(".trial-result")
        expect(result.locator("strong")).to_have_text("Non compris")
        expect(result).to_contain_text("lab_gate.js says nothing")
        expect(result.locator(".byte")).to_have_count(0)


def test_a_suspended_script_stands_out(browser: Browser, city: str) -> None:
    """While ingest asks a script no more, the page of its type says so, with the reason and what to do."""
    with visiting(browser, f"{city}/device-types/lab_gate") as visit:
        alert = visit.page.get_by_role("alert")
        expect(alert).to_contain_text("The script lab_gate.js is suspended")
        expect(alert).to_contain_text("ran for 0.3 s (payload 00ff, port 1)")
        expect(alert).to_contain_text("a changed file counts within seconds")
    with visiting(browser, f"{city}/device-types/lab_mast") as visit:
        expect(visit.page.locator(".unmapped li")).to_have_count(4)
        expect(visit.page.get_by_role("alert")).to_be_hidden()


def test_what_nobody_mapped_is_mapped(browser: Browser, city: str) -> None:
    """A path becomes a field by one press; before, its boxes can be changed, and what it measures can be chosen."""
    with visiting(browser, f"{city}/device-types/lab_mast") as visit:
        page = visit.page
        lines = page.locator(".unmapped li")
        expect(lines.first).to_contain_text("devices: 3 · 4\u00a0min ago")
        expect(lines.first).to_contain_text("→ air_humidity_percent · Relative humidity (air), %")
        page.get_by_role("button", name="Map air.humidity").click()
        expect(lines.first.get_by_role("status")).to_contain_text("Mapped to air_humidity_percent: new frames have it")
        battery = lines.filter(has_text="said in mV")
        battery.get_by_role("button", name="Change… battery").click()
        battery.get_by_label("Name in the data").fill("pack")
        battery.get_by_role("button", name="Map battery").click()
        expect(battery).to_contain_text("Nothing was written")
        expect(battery).to_contain_text("'pack' must end in _v")
        battery.get_by_label("Name in the data").fill("pack_v")
        battery.get_by_role("button", name="Map battery").click()
        expect(page.get_by_text("Mapped to pack_v")).to_be_visible()
        other = lines.filter(has_text="x17")
        other.get_by_role("button", name="Choose… x17").click()
        other.get_by_role("button", name="Map x17").click()
        expect(other).to_contain_text("Choose what it measures.")
        other.get_by_label("Quantity").fill("dista")
        page.get_by_role("option", name="Distance (m)").click()
        expect(other.get_by_label("Name in the data")).to_have_value("x17_m")
        other.get_by_label("Said in").click()
        page.get_by_role("option", name="mm", exact=True).click()
        other.get_by_role("button", name="Map x17").click()
        expect(other).to_contain_text("Mapped to x17_m")
        assert page.evaluate("window.hacked") is None


def test_a_device_shows_what_nobody_mapped(browser: Browser, city: str) -> None:
    """The page of one device has the paths that it says itself, in French too; one with a layout has no such panel."""
    with visiting(browser, f"{city}/devices/mast-01", locale="fr-FR") as visit:
        panel = visit.page.get_by_label("Ce que personne n’a encore relié")
        expect(panel.locator("li")).to_have_count(4)
        expect(panel).to_contain_text("note")
        expect(panel).not_to_contain_text("appareils")
        expect(panel.get_by_role("button", name="Relier battery")).to_be_visible()
    with visiting(browser, f"{city}/devices/lamp-0007") as visit:
        expect(visit.page.get_by_text("What nobody has mapped")).to_have_count(0)


def test_ledger(browser: Browser, city: str) -> None:
    """The ledger is told by hour and source; an hour that does not balance says so, and how many are missing."""
    with visiting(browser, f"{city}/ledger") as visit:
        rows = visit.page.locator(".grid:not(.stacked) tbody tr")
        expect(rows.first).to_contain_text("Total")
        expect(rows.nth(1)).to_contain_text("all sources")
        expect(rows.filter(has_text="40 taken out again").last).to_contain_text("\u221240")
        expect(visit.page.locator("tr.bad").first).to_contain_text("3 missing")
        was = visit.page.locator(".sentence").inner_text()
        expect(visit.page.locator(".sentence")).not_to_have_text(was)


def test_workers_live(browser: Browser, city: str) -> None:
    """Each ingest worker tells the age of its oldest frame without commit, live; one in trouble stands out."""
    with visiting(browser, f"{city}/ledger") as visit:
        worker = visit.page.locator(".grid.stacked tbody tr").first
        expect(worker).to_contain_text("ingest-1")
        expect(worker).to_contain_text("database db: it is starting: wait")
        oldest = worker.locator("td").first
        expect(oldest).to_have_text(re.compile(r"^\d+\.\d\ss$"))
        was = oldest.inner_text()
        expect(oldest).not_to_have_text(was)


def test_native_types_tell_how_to_speak(browser: Browser, city: str) -> None:
    """The page of a type that speaks natively shows the topic and a message that its layout takes."""
    with visiting(browser, f"{city}/device-types/penfeld_tramunit") as visit:
        expect(visit.page.get_by_text("penfeld/v1/penfeld_tramunit/DEVICE/up")).to_be_visible()
        message = visit.page.locator("code", has_text='"values"').inner_text()

    values = json.loads(message)["values"]
    assert set(Catalogue.builtin()["penfeld_tramunit"].record_of(values).values) == set(values)


def test_quarantine(browser: Browser, city: str) -> None:
    """Quarantine tells reason, bytes, how often and what to do; older frames are a page away; reasons can be chosen."""
    with visiting(browser, f"{city}/quarantine") as visit:
        page = visit.page
        expect(page.locator("article")).to_have_count(20)
        expect(page.locator("article").first).to_contain_text("2 ×")
        expect(page.locator("article").first).to_contain_text("penfeld devices add 70b3d57ed0001234 --type TYPE")
        page.get_by_role("button", name="Older").click()
        expect(page.get_by_text("not refreshed")).to_be_visible()
        page.get_by_role("button", name="Newest").click()
        page.get_by_label("Reason").click()
        page.get_by_role("option", name="Unknown device type").click()
        expect(page.locator("article")).to_have_count(11)


def test_a_pending_device_tells_what_waits(browser: Browser, city: str) -> None:
    """The page of a device that nobody registered says how many of its frames a registration brings."""
    with visiting(browser, f"{city}/devices/70b3d57ed0001234") as visit:
        expect(visit.page.get_by_text(re.compile(r"\d\d frames of it are in quarantine by now"))).to_be_visible()


def test_quarantine_filters(browser: Browser, city: str) -> None:
    """Frames are found by reason, device, source and times of arrival together; what does not exist says so."""
    with visiting(browser, f"{city}/quarantine") as visit:
        page = visit.page
        expect(page.get_by_text(re.compile(r"^(45|34) messages match"))).to_be_visible()  # another test replays some
        page.get_by_label("Source").click()
        page.get_by_role("option", name="chirpstack").click()
        page.get_by_label("Arrived before").fill("2020-01-01T00:00")
        expect(page.get_by_text("Nothing in quarantine matches.")).to_be_visible()
        expect(page.get_by_role("button", name="Replay all that match…")).to_be_disabled()
        page.get_by_label("Arrived before").fill("")
        page.get_by_label("Device id").fill("70b3d57ed0001234")
        expect(page.get_by_text(re.compile(r"^(34|23) messages match"))).to_be_visible()


def test_quarantine_is_inspected_and_replayed(browser: Browser, city: str) -> None:
    """A frame tells what it would be today; a replay asks first, marks what matches, and what is understood goes."""
    with visiting(browser, f"{city}/quarantine", locale="fr-FR") as visit:
        page = visit.page
        second = page.locator("article").nth(1)
        second.locator("summary").click()
        expect(second).to_contain_text("Stockée : ")
        expect(second).to_contain_text("41,5\u00a0W")
        page.locator("article").first.locator("summary").click()
        expect(page.locator("article").first).to_contain_text("Reste : Appareil en attente : register it first")
        second.get_by_role("button", name="Reprendre…").click()
        expect(page.get_by_text("1 messages (3 trames) seront relus")).to_be_visible()
        page.get_by_role("button", name="Annuler").click()
        page.get_by_label("Raison").click()
        page.get_by_role("option", name="Charge utile incomprise").click()
        expect(page.get_by_text("11 messages correspondent")).to_be_visible()
        page.get_by_role("button", name="Tout reprendre").click()
        page.get_by_role("button", name="Reprendre", exact=True).click()
        expect(page.get_by_text("11 messages sont marqués")).to_be_visible()
        expect(page.get_by_text("Rien en quarantaine ne correspond.").first).to_be_visible()


def test_language_and_colours_are_remembered(browser: Browser, city: str) -> None:
    """The switches in the header hold on the next page too."""
    with visiting(browser, f"{city}/ledger") as visit:
        page = visit.page
        page.get_by_role("button", name="Afficher en français").click()
        expect(page.locator("h1")).to_have_text("Registre")
        for _ in range(2):  # from the system's colours to light, to dark
            page.locator("button[data-theme]").click()
        expect(page.locator("body")).to_have_class(re.compile("body--dark"))
        page.goto(f"{city}/quarantine")
        expect(page.locator("h1")).to_have_text("Quarantaine")
        expect(page.locator("body")).to_have_class(re.compile("body--dark"))


@pytest.mark.parametrize("path", ["/devices/nobody", "/device-types/acme_probe"])
def test_what_does_not_exist(browser: Browser, city: str, path: str) -> None:
    """An address of nothing answers 404 in the console's own words."""
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    answer = page.goto(city + path)
    assert answer is not None
    assert answer.status == 404
    expect(page.locator("h1")).to_have_text("There is nothing here")
    context.close()
