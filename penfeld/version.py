"""The version of this installation."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as _installed


def version() -> str:
    """Return the version, "0" for a checkout that is not installed."""
    try:
        return _installed("penfeld")
    except PackageNotFoundError:
        return "0"
