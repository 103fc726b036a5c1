"""``python -m penfeld`` is the command ``penfeld``: how the supervisor starts its children."""

import sys

from penfeld.cli import main

if __name__ == "__main__":
    sys.exit(main())
