"""The console: what people see of Penfeld in a browser. ``mount`` puts it on the application; nothing else is public.

It alone knows NiceGUI. Its pure parts (states, city, figures, formats, texts, series) do not, so that
importing them costs nothing.
"""

from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI

from api.console.config import ConsoleConfig
from api.live import Hub
from decoders.catalogue import Catalogue
from model.ports import Interpreter, Quarantine, Queries, Registry

__all__ = ["ConsoleConfig", "mount"]


def mount(
    app: FastAPI,
    *,
    queries: Queries,
    registry: Registry,
    quarantine: Quarantine,
    interpreter: Interpreter,
    catalogue: Catalogue,
    hub: Hub,
    clock: Callable[[], datetime],
    config: ConsoleConfig | None = None,
) -> None:
    """Put the console on the application, at ``/``. To be called once a process, after every other route is there.

    The console takes every path that no route before it answers. It lives and ends with the application.
    """
    from api.console.site import build  # noqa: PLC0415  NiceGUI takes 2 s to import: only who mounts it pays

    build(
        app,
        queries=queries,
        registry=registry,
        quarantine=quarantine,
        interpreter=interpreter,
        catalogue=catalogue,
        hub=hub,
        clock=clock,
        config=config or ConsoleConfig(),
    )
