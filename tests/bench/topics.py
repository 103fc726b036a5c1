"""Where frames go: one application of ChirpStack for each who takes them.

Their names are of one length, so that frames stay the same size; what goes to the one does not wait for the other.
"""

from simulators.envelopes import APPLICATION

APPLICATIONS = {
    "ours": APPLICATION,
    "bare": "ba5ec11e-c6f1-4fbd-8f87-4025e1d49242",
    "script": "5c519700-c6f1-4fbd-8f87-4025e1d49242",
}


def topic_filter(taker: str) -> str:
    """Return the MQTT filter of who takes the frames: ``ours``, ``bare`` or ``script``."""
    return f"application/{APPLICATIONS[taker]}/device/+/event/up"
