"""The console: what people see of Penfeld in a browser. ``mount`` puts it on the application; nothing else is public.

It alone knows NiceGUI. Its pure parts (states, city, figures, formats, texts, series) do not, so that
importing them costs nothing.
"""

from fastapi import FastAPI

from api.console.config import ConsoleConfig

__all__ = ["ConsoleConfig", "mount"]


def mount(app: FastAPI, config: ConsoleConfig | None = None) -> None:
    """Put the console on an application of ``create_app``, at ``/``. To be called once a process, after its routes.

    The console takes every path that no route before it answers. It lives and ends with the application, and looks at
    its parts.
    """
    from api.console.site import build  # noqa: PLC0415  NiceGUI takes 2 s to import: only who mounts it pays

    build(app, config or ConsoleConfig())
