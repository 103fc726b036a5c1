"""x."""


def register(parts: object) -> None:
    """X."""
