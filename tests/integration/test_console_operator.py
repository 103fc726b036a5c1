"""A new operator in a real Chromium: from the start page to a rule that is tried on the past and saved.

What he does, he finds by what the page shows: names of links, labels of boxes, texts of buttons. Of addresses he knows
only that of the console.
"""

from collections.abc import Mapping

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.integration.console_city import WORDS
from tests.integration.test_console_access import browser, city

__all__ = ["browser", "city"]  # fixtures

ENGLISH = {
    "name": "Name",
    "password": "Password",
    "log in": "Log in",
    "devices": "Devices",
    "search": "Search id, name, tag",
    "new rule": "New rule",
    "field": "Field",
    "power": "Active power (W)",
    "limit": "Limit (W)",
    "works": "This rule works.",
    "try": "Try on the past",
    "found": "30 alarms in 7 days",
    "chart": "Episodes of Rue 0 n°7",
    "save": "Save",
    "lately": "it would have raised 30 alarms",
    "rules": "Alert rules",
    "title": "Active power above 70 W",
}
FRENCH = {
    "name": "Nom",
    "password": "Mot de passe",
    "log in": "Se connecter",
    "devices": "Appareils",
    "search": "Chercher identifiant, nom, étiquette",
    "new rule": "Nouvelle règle",
    "field": "Champ",
    "power": "Puissance active (W)",
    "limit": "Limite (W)",
    "works": "Cette règle fonctionne.",
    "try": "Essayer sur le passé",
    "found": "30 alarmes en 7 jours",
    "chart": "Épisodes de Rue 0 n°7",
    "save": "Enregistrer",
    "lately": "elle aurait déclenché 30 alarmes",
    "rules": "Règles d’alerte",
    "title": "Puissance active au-dessus de 70 W",
}


def way(page: Page, said: Mapping[str, str], device: str, name: str) -> None:
    """Go it, from the start page, which asks who comes, to the tried rule for a device."""
    page.get_by_label(said["name"], exact=True).fill("yann")
    page.get_by_label(said["password"], exact=True).fill(WORDS)
    page.get_by_role("button", name=said["log in"]).click()
    page.get_by_role("link", name=said["devices"], exact=True).click()
    page.get_by_label(said["search"]).fill(device)
    page.get_by_role("link", name=name, exact=True).click()
    page.get_by_role("link", name=said["new rule"]).click()
    page.get_by_label(said["field"], exact=True).click()
    page.get_by_role("option", name=said["power"]).click()
    page.get_by_label(said["limit"]).fill("70")
    expect(page.get_by_text(said["works"])).to_be_visible()
    page.get_by_role("button", name=said["try"]).click()


@pytest.mark.parametrize(("locale", "said"), [("en-GB", ENGLISH), ("fr-FR", FRENCH)], ids=["en", "fr"])
@pytest.mark.parametrize("width", [1280, 390], ids=["desk", "phone"])
def test_from_the_start_page_to_a_tried_rule(
    browser: Browser, city: str, locale: str, said: Mapping[str, str], width: int
) -> None:
    """Twelve steps lead there; the trial shows how many alarms and where they lie; the rule is in the list then."""
    context = browser.new_context(locale=locale, viewport={"width": width, "height": 860})
    page = context.new_page()
    page.goto(city)

    way(page, said, "lamp-0007", "Rue 0 n°7")

    expect(page.get_by_text(said["found"])).to_be_visible()
    chart = page.get_by_role("img", name=said["chart"])
    expect(chart).to_be_visible()
    drawn = chart.evaluate("element => element.chart.lines[0]")
    assert (len(drawn["shades"]), drawn["limits"]) == (15, [70])
    assert len(drawn["points"]) > 100
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name=said["save"]).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(said["lately"])
    dialog.get_by_role("button", name=said["save"]).click()
    expect(page.locator("h1")).to_have_text(said["rules"])
    expect(page.locator(".rule-card").filter(has_text=said["title"]).first).to_be_visible()
    context.close()
