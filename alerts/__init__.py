"""Alert rules over readings: what holds, since when, and who hears of it. docs/rules.md says how rules are written."""
