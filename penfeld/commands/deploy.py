"""``penfeld deploy init``: the secrets and certificates of a first installation."""

import argparse
from pathlib import Path

from penfeld.output import as_json

DESCRIPTION = """\
Make what deploy/compose.yaml and deploy/systemd need and nobody should choose by hand: passwords of database, broker
and Grafana, MQTT users for Mosquitto's dynamic security, an authority of one's own and the broker's certificate."""
EXAMPLES = """\
  sudo penfeld deploy init --host iot.city.example --out deploy/secrets --compose"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    init = actions.add_parser("init", help="make secrets and certificates", description=DESCRIPTION)
    init.add_argument("--host", required=True, metavar="NAME", help="under which devices reach the broker")
    init.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder that is not there yet")
    init.add_argument("--compose", action="store_true", help="give the files to the containers' users (as root)")
    init.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Make them."""
    from penfeld.clock import utc_now
    from penfeld.deployment import hand_over, make

    made = make(options.out, options.host, utc_now())
    if options.compose:
        hand_over(options.out)
    if options.json:
        as_json({"folder": options.out, "files": made})
    else:
        print(f"{options.out}: {', '.join(made)}")
        print("keep ca-key.pem and broker-admin-password elsewhere; give ca.pem to whoever connects over TLS")
    return 0
