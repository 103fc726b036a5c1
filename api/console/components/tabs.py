"""Ways between the pages about alarms: alarms, rules, silences."""

from api.console.components.elements import block, link
from api.console.texts import Words

_TABS = (("alarms", "/alarms"), ("rules", "/rules"), ("silences", "/silences"))


def tabs(words: Words, active: str) -> None:
    """Show them; ``active`` is where one is."""
    with block("nav", "tabs", aria_label=words("tabs.label")):
        for name, target in _TABS:
            one = link(words(f"tabs.{name}"), target, "tab")
            if name == active:
                one.props["aria-current"] = "true"
