"""Starts the embedded broker as a child. Apart from ``broker.py``, so that the parent need not import amqtt."""

import asyncio
import sys

from model.broker import BrokerAddress
from model.errors import UnavailableError
from penfeld.config import child_environment
from penfeld.reach import answers
from penfeld.supervisor import Child, Program, Supervisor

HOST = "127.0.0.1"
_START_S = 30.0
_LOOK_S = 0.05


async def broker_started(port: int, supervisor: Supervisor) -> Child:
    """Start the broker and return when it takes connections."""
    child = await supervisor.start(
        Program(
            name="broker",
            command=(sys.executable, "-P", "-m", "penfeld.embedded.broker", str(port)),
            environment=child_environment({}),
            stop_within_s=5,
        )
    )
    deadline = asyncio.get_running_loop().time() + _START_S
    while True:
        try:
            await answers(BrokerAddress(host=HOST, port=port))
        except UnavailableError:
            if supervisor.failed.done():
                raise UnavailableError(f"the embedded broker did not start: {supervisor.failed.result()}") from None
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(_LOOK_S)
        else:
            return child
