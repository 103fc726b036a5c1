"""How bad an alarm is. Alone here, so that reading the settings does not load what rules are made of."""

from typing import Literal

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
"""From the least to the worst."""
