"""Alarms, rules and silences of the console in a real Chromium, in front of a made-up city."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.integration.console_alerts import WICKED
from tests.integration.test_console_pages import browser, city, visiting

__all__ = ["browser", "city"]  # fixtures

PAGES = {
    "/alarms": ("Alarms", "Alarmes"),
    "/alarms/1": ("Lamp draws too much", "Lampe trop gourmande"),
    "/alarms/3": ("Gateway is silent", "Passerelle muette"),
    "/rules": ("Alert rules", "Règles d’alerte"),
    "/rules/new": ("New rule", "Nouvelle règle"),
    "/rules/edit/lamp/power": ("Change a rule", "Modifier une règle"),
    "/rules/edit/lamp/dark": ("Change a rule", "Modifier une règle"),
    "/silences": ("Silences and channels", "Silences et canaux"),
}


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("locale", "position"), [("en-GB", 0), ("fr-FR", 1)])
def test_opens(browser: Browser, city: str, path: str, locale: str, position: int) -> None:
    """Every page opens in both languages without an error, fits a phone, and runs nothing that people wrote."""
    with visiting(browser, city + path, locale=locale) as visit:
        page = visit.page
        expect(page.locator("h1")).to_have_text(PAGES[path][position])
        expect(page.locator("[aria-current=page] .badge")).to_be_visible()
        page.set_viewport_size({"width": 390, "height": 844})
        page.wait_for_timeout(1200)  # time for live updates to go wrong
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate("window.hacked") is None
        assert page.locator("main img").count() == 0


def test_acknowledge(browser: Browser, city: str) -> None:
    """The most urgent alarm comes first; acknowledged with one's name it says so, and the badge counts it no more."""
    with visiting(browser, f"{city}/alarms") as visit:
        page = visit.page
        cards = page.get_by_role("region", name="Open").locator("article")
        expect(cards.first).to_contain_text("Gateway is silent")
        expect(cards.first).to_contain_text("explains 3 others")
        expect(page.locator(".nav .badge")).to_contain_text("3")
        page.get_by_label("Your name").fill("Anne")
        page.get_by_label("Your name").press("Tab")
        lamp = cards.filter(has_text="Lamp draws too much")
        expect(lamp).to_contain_text("52.75 W")
        lamp.get_by_role("button", name="Acknowledge").press("Enter")
        expect(lamp).to_contain_text("acknowledged by Anne")
        expect(page.locator(".nav .badge")).to_contain_text("2")
        page.reload()
        expect(page.get_by_label("Your name")).to_have_value("Anne")


def test_many_at_once(browser: Browser, city: str) -> None:
    """Several alarms are ticked and acknowledged together."""
    with visiting(browser, f"{city}/alarms?state=open") as visit:
        page = visit.page
        for name in ("Select: Lamp failure, Rue 0 n°5", "Select: Bin full"):
            page.get_by_role("checkbox", name=name).press("Space")
        page.get_by_role("button", name="Acknowledge selected (2)").click()
        cards = page.locator(".alarm-card").filter(has_text="acknowledged by")
        expect(cards.filter(has_text="Rue 0 n°5")).to_have_count(1)
        expect(cards.filter(has_text="Conteneur 10")).to_have_count(1)
        expect(page.get_by_role("button", name="Acknowledge selected (0)", include_hidden=True)).to_have_count(1)


def test_comments_stay_text(browser: Browser, city: str) -> None:
    """What people write is shown as they wrote it, and never becomes part of the page."""
    with visiting(browser, f"{city}/alarms/4") as visit:
        page = visit.page
        page.get_by_label("Your name").fill(WICKED)
        page.get_by_label("Comment").last.fill(WICKED)
        page.get_by_role("button", name="Comment", exact=True).click()
        expect(page.locator(".said")).to_have_text(WICKED)
        expect(page.locator(".events")).to_contain_text(f"{WICKED} says")
        page.wait_for_timeout(300)
        assert page.evaluate("window.hacked") is None
        assert page.locator("main img, main .events b").count() == 0


def test_filters(browser: Browser, city: str) -> None:
    """What late data proved wrong has its own filter; then no open alarm is shown."""
    with visiting(browser, f"{city}/alarms?state=withdrawn") as visit:
        page = visit.page
        expect(page.get_by_role("region", name="History").locator("article")).to_have_count(1)
        expect(page.locator(".alarm-card")).to_contain_text("proved wrong by late data")
        expect(page.get_by_role("region", name="Open")).to_have_count(0)


def test_chart(browser: Browser, city: str) -> None:
    """An alarm's chart shows its field with the limit and the episode, and stands still."""
    with visiting(browser, f"{city}/alarms/5") as visit:
        page = visit.page
        line = "document.querySelector('.chart').chart?.lines?.[0]"
        page.wait_for_function(f"{line}?.points.length > 10")
        assert page.evaluate(f"{line}.limits") == [52]
        [[start, end]] = page.evaluate(f"{line}.shades")
        assert end - start == 17 * 3600_000
        expect(page.locator(".chart")).to_have_attribute("aria-label", "Chart of Active power around the alarm")


def test_silence(browser: Browser, city: str) -> None:
    """A silence of an alarm is in the list of silences, and can be ended there."""
    with visiting(browser, f"{city}/alarms/3") as visit:
        page = visit.page
        page.get_by_role("button", name="Silence 8 h").click()
        expect(page.get_by_text("Nobody is told of it until")).to_be_visible()
        page.goto(f"{city}/silences")
        row = page.get_by_role("listitem").filter(has_text="gateway/silent")
        expect(row).to_contain_text("Gateway gw-recouvrance until")
        row.get_by_role("button", name=re.compile("^End now")).click()
        expect(row).to_have_count(0)


def test_new_silence_and_channels(browser: Browser, city: str) -> None:
    """A silence needs a reason; a channel shows its last trouble, and a test message is in the list."""
    with visiting(browser, f"{city}/silences") as visit:
        page = visit.page
        page.get_by_role("button", name="Silence now").click()
        expect(page.get_by_role("alert").filter(has_text="Say why")).to_be_visible()
        page.get_by_label("Why").fill(f"cable work {WICKED}")
        page.get_by_label("Why").press("Tab")
        page.get_by_role("button", name="Silence now").click()
        expect(page.get_by_role("listitem").filter(has_text=f"cable work {WICKED}")).to_be_visible()
        expect(page.get_by_text("Last trouble: 421 try again later")).to_be_visible()
        page.get_by_role("button", name="Send a test: wall").click()
        expect(page.locator(".grid")).to_contain_text("Test message")
        assert page.evaluate("window.hacked") is None


def test_new_rule(browser: Browser, city: str) -> None:
    """From a device's page a rule is written without knowing any format, tried on the past, changed, and saved."""
    with visiting(browser, f"{city}/rules/new?type=penfeld_streetlight&field=power_w&device=lamp-0007") as visit:
        page = visit.page
        expect(page.get_by_text("Limit (W): say something here.")).to_be_visible()
        expect(page.get_by_role("button", name="Save")).to_be_disabled()
        limit = page.get_by_label("Limit (W)")
        limit.fill("5000")
        expect(page.get_by_text("write at most 400")).to_be_visible()
        limit.fill("70")
        expect(page.get_by_text("This rule works.")).to_be_visible()
        expect(page.get_by_label("Title in French")).to_have_value("Puissance active au-dessus de 70 W")
        page.get_by_role("button", name="Try on the past").click()
        expect(page.get_by_role("progressbar", name="Progress")).to_be_visible()
        expect(page.get_by_text("30 alarms in 7 days")).to_be_visible()
        expect(page.locator(".hours li")).to_have_count(24)
        expect(page.get_by_role("img", name="Episodes of Rue 0 n°7")).to_be_visible()
        page.get_by_role("button", name="Show the episodes of <script>").click()
        expect(page.get_by_role("img", name="Episodes of <script>")).to_be_visible()
        page.get_by_role("button", name="75: 25 alarms").click()
        expect(limit).to_have_value("75")
        expect(page.get_by_label("Title in English")).to_have_value("Active power above 75 W")
        page.wait_for_timeout(1500)  # the check of what was changed
        page.get_by_role("button", name="Save").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("it would have raised 25 alarms")
        dialog.get_by_role("button", name="Save").click()
        expect(page.locator("h1")).to_have_text("Alert rules")
        expect(page.locator(".rule-card").filter(has_text="streetlight/power_w-above")).to_contain_text("above 75 W")


def test_without_an_alarm_the_past_is_drawn(browser: Browser, city: str) -> None:
    """A limit that nothing ever reached is shown beside what the device measured, so that a better one is seen."""
    with visiting(browser, f"{city}/rules/new?type=penfeld_streetlight&field=power_w&device=lamp-0007") as visit:
        page = visit.page
        page.get_by_label("Limit (W)").fill("300")
        expect(page.get_by_text("This rule works.")).to_be_visible()
        page.get_by_role("button", name="Try on the past").click()
        expect(page.get_by_text("No alarm in 7 days")).to_be_visible()
        chart = page.get_by_role("img", name="Episodes of Rue 0 n°7")
        expect(chart).to_be_visible()
        drawn = chart.evaluate("element => element.chart.lines[0]")
        assert (drawn["shades"], drawn["limits"]) == ([], [300])
        assert len(drawn["points"]) > 100


def test_switch(browser: Browser, city: str) -> None:
    """A rule is switched off in the list; what no boxes can show is kept."""
    with visiting(browser, f"{city}/rules") as visit:
        page = visit.page
        switch = page.get_by_role("switch", name="Switched on: Lamp dark at full power")
        expect(switch).not_to_be_checked()
        switch.press("Space")
        expect(page.get_by_text("is switched on.")).to_be_visible()
        page.goto(f"{city}/rules/edit/lamp/dark")
        written = '{ all = [\n  { field = "lamp_on", values = [false] },\n  { field = "power_w", above = 20 },\n] }'
        expect(page.get_by_label("Condition")).to_have_value(written)


def test_all_boxes(browser: Browser, city: str) -> None:
    """Days, hours, tags, escalation, texts and how long it is over are written and found again; others stay."""
    with visiting(browser, f"{city}/rules/edit/lamp/power") as visit:
        page = visit.page
        page.get_by_text("More: experiments, networks, tags").click()
        page.get_by_label("Only with these tags").fill("street")
        expect(page.get_by_text("write name = value, with commas between.")).to_be_visible()
        page.get_by_label("Only with these tags").fill("street = Siam")
        page.get_by_text("More: end, gaps, flagged readings").click()
        page.get_by_label("Over for how long before it ends").fill("15 min")
        page.get_by_label("How long one reading stands").fill("2 h")
        page.get_by_label("On these days").click()
        for day in ("Sat", "Sun"):
            page.get_by_role("option", name=day).click()
        page.keyboard.press("Escape")
        page.get_by_label("From", exact=True).fill("22:00")
        page.get_by_label("To", exact=True).fill("06:00")
        page.get_by_text("If nobody acknowledges").click()
        page.get_by_role("button", name="Add a step").click()
        page.get_by_label("After", exact=True).fill("45 min")
        page.get_by_label("Tell", exact=True).click()
        page.get_by_role("option", name="wall").click()
        page.keyboard.press("Escape")
        page.get_by_text("What an alarm says").click()
        page.get_by_label("Text in English").fill("{name} draws {value}")
        expect(page.get_by_text("Text in French: write it in both languages")).to_be_visible()
        page.get_by_label("Text in French").fill("{name} consomme {value}")
        expect(page.get_by_text("This rule works.")).to_be_visible()
        page.get_by_role("button", name="Save").click()
        page.get_by_role("dialog").get_by_role("button", name="Save").click()
        expect(page.locator("h1")).to_have_text("Alert rules")
        page.goto(f"{city}/rules/edit/lamp/power")
        for label, value in {
            "Only with these tags": "street = Siam",
            "Over for how long before it ends": "15 min",
            "How long one reading stands": "2 h",
            "Text in English": "{name} draws {value}",
            "Text in French": "{name} consomme {value}",
            "For how long (such as 10 min)": "30 min",
        }.items():
            expect(page.get_by_label(label)).to_have_value(value)
        expect(page.get_by_label("From", exact=True)).to_have_value("22:00")
        expect(page.get_by_label("After", exact=True)).to_have_value("45 min")
        expect(page.locator(".step")).to_contain_text("wall")
        expect(page.get_by_role("region", name="When, how bad")).to_contain_text("Sat")


def test_written_condition(browser: Browser, city: str) -> None:
    """A condition without boxes is written as in a rule file, beginning with what the boxes said."""
    with visiting(browser, f"{city}/rules/new?type=penfeld_streetlight&field=power_w") as visit:
        page = visit.page
        page.get_by_label("Limit (W)").fill("70")
        page.get_by_label("Alarm when").click()
        page.get_by_role("option", name="as a rule file says it").click()
        box = page.get_by_label("Condition")
        expect(box).to_have_value('{ field = "power_w", above = 70 }')
        box.fill('{ any = [{ field = "power_w", above = }] }')
        expect(page.get_by_text("Condition: this cannot be read: Invalid value")).to_be_visible()
        box.fill('{ any = [{ field = "power_w", above = 70 }, { field = "lamp_failure", values = [true] }] }')
        expect(page.get_by_text("This rule works.")).to_be_visible()


def test_device(browser: Browser, city: str) -> None:
    """A device's page shows its open alarms and leads to a rule for it."""
    with visiting(browser, f"{city}/devices/lamp-0005") as visit:
        page = visit.page
        expect(page.get_by_role("region", name="Open alarms")).to_contain_text("Lamp failure")
        page.get_by_role("link", name="New rule").click()
        expect(page.get_by_label("Only these devices")).to_have_value("lamp-0005")


@pytest.mark.parametrize("path", ["/alarms/99", "/alarms/x", "/alarms/99999999999999999999", "/rules/edit/<b>"])
def test_nothing_there(browser: Browser, city: str, path: str) -> None:
    """An address of nothing says so, as 404."""
    with visiting(browser, city + path) as visit:
        expect(visit.page.locator("h1")).to_have_text("There is nothing here")
        assert [text for text in visit.problems if "404" not in text] == []
        assert visit.problems
        visit.problems.clear()
