"""The mark of each domain on the map and in lists: an SVG path in a box from -1 to 1. Pure.

The shape says what a device is, fill and sign say how it is: nothing is told by colour alone.
"""

from api.console.states import Health

PATHS: dict[str, str] = {
    "lighting": "M1,0A1,1,0,1,1,-1,0A1,1,0,1,1,1,0Z",
    "energy": "M-.88,-.88H.88V.88H-.88Z",
    "mobility": "M-1.3,-.4A.5,.5,0,0,1,-.8,-.9H.8A.5,.5,0,0,1,1.3,-.4V.4A.5,.5,0,0,1,.8,.9H-.8A.5,.5,0,0,1,-1.3,.4Z",
    "parking": "M-1.05,0L-.55,-.95H.55L1.05,0L.55,.95H-.55Z",
    "tracking": "M0,-1.15L1.1,.8H-1.1Z",
    "environment": "M0,-1.1L1.05,-.34L.65,.89H-.65L-1.05,-.34Z",
    "water": "M0,-1.35C.5,-.6,.95,-.2,.95,.3A.95,.95,0,0,1,-.95,.3C-.95,-.2,-.5,-.6,0,-1.35Z",
    "waste": "M-1.1,-.9H1.1L.75,1H-.75Z",
    "other": "M0,-1.15L1.15,0L0,1.15L-1.15,0Z",
}

_CROSSED = "M-.4,0H.4"
_SIGN = "M0,-.6V.1M0,.42V.52"


def domain_path(domain: str) -> str:
    """Return the path of a domain; that of ``other`` for one we do not know."""
    return PATHS.get(domain, PATHS["other"])


def glyph(domain: str, health: Health | None = None) -> str:
    """Return the mark as an SVG element: plain without ``health``, else as the map draws it.

    Everything in it is ours; nothing a device or a person wrote enters it.
    """
    state = f" glyph-{health.value.replace('_', '-')}" if health else ""
    sign = {Health.ALARM: _SIGN, Health.SILENT: _CROSSED}.get(health) if health else None
    inner = f'<path class="glyph-sign" d="{sign}"/>' if sign else ""
    return (
        f'<svg class="glyph{state}" viewBox="-1.6 -1.6 3.2 3.2" aria-hidden="true">'
        f'<path class="glyph-body" d="{domain_path(domain)}"/>{inner}</svg>'
    )
