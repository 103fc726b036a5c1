"""What a field can say. Alone here, so that decoding one payload on the command line imports nothing else."""

Value = float | int | bool | str | None
"""A field's value in one reading. ``None``: the device said that it does not know."""
