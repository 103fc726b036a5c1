"""Values of options are refused before anything starts."""

import argparse

import pytest

from penfeld.options import tcp_port


@pytest.mark.parametrize(("text", "port"), [("0", 0), ("8080", 8080), ("65535", 65535)])
def test_a_port_is_a_number(text: str, port: int) -> None:
    """Ports go from 0, for any free one, to 65535."""
    assert tcp_port(text) == port


@pytest.mark.parametrize("text", ["65536", "-1", "http", "", "٣"])
def test_what_is_no_port_is_refused(text: str) -> None:
    """Anything else is refused with the bounds."""
    with pytest.raises(argparse.ArgumentTypeError, match=r"from 0 .* to 65535"):
        tcp_port(text)
