"""Kinds of option values that several commands share. What is wrong with one is told before anything starts."""

import argparse

_LAST_PORT = 65535


def tcp_port(text: str) -> int:
    """Return a TCP port, 0 for any free one; raise ``ArgumentTypeError`` for what is none."""
    if not (text.isascii() and text.isdigit() and int(text) <= _LAST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 0 (any free one) to {_LAST_PORT}")
    return int(text)


def no_watch(parser: argparse.ArgumentParser) -> None:
    """Declare the option of services that take new device files by themselves."""
    parser.add_argument(
        "--no-watch",
        dest="watch",
        action="store_false",
        help="go on with the device files that were there at the start",
    )
