"""Panels as Penfeld's boards have them: built with Grafana's SDK, so that what is written has Grafana's own types.

Rules: a board is 24 columns wide; sizes are (width, height). What is not said here is as Grafana does it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import bargauge, common, geomap, stat, table, timeseries
from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models

from dashboards.query import Query, database

Size = tuple[int, int]
Properties = Mapping[str, object]
GREEN, YELLOW, RED, BLUE = "green", "orange", "red", "blue"
SEVERITIES = {"critical": RED, "warning": YELLOW, "info": BLUE}


@dataclass(frozen=True, slots=True)
class Look:
    """How values of a panel look: Grafana's unit, limits between which they are plausible, and digits."""

    unit: str = "none"
    low: float | None = None
    high: float | None = None
    decimals: int | None = None


def limits(look: Look) -> ThresholdsConfig:
    """Return thresholds that are green between the limits and red beyond."""
    steps = [models.Threshold(None, GREEN if look.low is None else RED)]
    steps += [] if look.low is None else [models.Threshold(look.low, GREEN)]
    steps += [] if look.high is None else [models.Threshold(look.high, RED)]
    return ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def from_value(*steps: tuple[float | None, str]) -> ThresholdsConfig:
    """Return thresholds: a colour from each value on."""
    return (
        ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value, colour) for value, colour in steps])
    )


def curves(title: str, queries: Sequence[Query], size: Size, look: Look, description: str = "") -> timeseries.Panel:
    """Return curves over time; limits are dashed lines."""
    panel = (
        timeseries.Panel()
        .title(title)
        .datasource(database())
        .span(size[0])
        .height(size[1])
        .unit(look.unit)
        .line_width(1)
        .fill_opacity(8)
        .show_points(kinds.VisibilityMode.AUTO)
        .span_nulls(False)  # noqa: FBT003  the SDK's methods take one value
        .thresholds(limits(look))
        .legend(
            common.VizLegendOptions()
            .display_mode(kinds.LegendDisplayMode.LIST)
            .placement(kinds.LegendPlacement.BOTTOM)
            .show_legend(True)  # noqa: FBT003
            .calcs([])
        )
        .tooltip(common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI).sort(kinds.SortOrder.DESCENDING))
    )
    if look.low is not None or look.high is not None:
        dashed = common.GraphThresholdsStyleConfig().mode(kinds.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds_style(dashed)
    if look.decimals is not None:
        panel = panel.decimals(look.decimals)
    if description:
        panel = panel.description(description)
    for query in queries:
        panel = panel.with_target(query)
    return panel


def stacked(title: str, queries: Sequence[Query], size: Size, look: Look) -> timeseries.Panel:
    """Return bars over time, one above the other."""
    stacking = common.StackingConfig().mode(kinds.StackingMode.NORMAL).group("A")
    return curves(title, queries, size, look).draw_style(kinds.GraphDrawStyle.BARS).fill_opacity(70).stacking(stacking)


def figure(
    title: str,
    query: Query,
    size: Size,
    *,
    unit: str = "none",
    thresholds: ThresholdsConfig | None = None,
    names: Mapping[str, str] | None = None,
    description: str = "",
) -> stat.Panel:
    """Return the last value of each column as a large figure; ``names``: column -> what people call it."""
    panel = (
        stat.Panel()
        .title(title)
        .datasource(database())
        .span(size[0])
        .height(size[1])
        .unit(unit)
        .color_mode(kinds.BigValueColorMode.VALUE if thresholds else kinds.BigValueColorMode.NONE)
        .graph_mode(kinds.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))  # noqa: FBT003
        .with_target(query)
    )
    if thresholds:
        panel = panel.thresholds(thresholds)
    if description:
        panel = panel.description(description)
    for column, name in (names or {}).items():
        panel = panel.override_by_name(column, [models.DynamicConfigValue("displayName", name)])
    return panel


def listing(title: str, query: Query, size: Size, columns: Mapping[str, tuple[str, Properties]]) -> table.Panel:
    """Return a table; ``columns``: column -> what people call it, and how it looks by Grafana's properties."""
    panel = (
        table.Panel()
        .title(title)
        .datasource(database())
        .span(size[0])
        .height(size[1])
        .show_header(True)  # noqa: FBT003
        .cell_height(kinds.TableCellHeight.SM)
        .with_target(query)
    )
    for column, (name, look) in columns.items():
        properties = [models.DynamicConfigValue(key, value) for key, value in look.items()]
        panel = panel.override_by_name(column, [models.DynamicConfigValue("displayName", name), *properties])
    return panel


def bars(title: str, query: Query, size: Size, unit: str = "none") -> bargauge.Panel:
    """Return a bar for each row of a table with one text and one number."""
    return (
        bargauge.Panel()
        .title(title)
        .datasource(database())
        .span(size[0])
        .height(size[1])
        .unit(unit)
        .orientation(kinds.VizOrientation.HORIZONTAL)
        .display_mode(kinds.BarGaugeDisplayMode.BASIC)
        .color_scheme(FieldColor().mode(models.FieldColorModeId.FIXED).fixed_color(BLUE))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(True))  # noqa: FBT003
        .with_target(query)
    )


class Layer(kinds.MapLayerOptions, Builder[kinds.MapLayerOptions]):
    """A layer of a map where the SDK wants a builder; the SDK's own cannot say where a point is."""

    def build(self) -> kinds.MapLayerOptions:
        """Return the layer."""
        return self


def city_map(title: str, query: Query, size: Size) -> geomap.Panel:
    """Return a map of points with ``latitude`` and ``longitude``, coloured by ``health`` (0, 1, 2)."""
    points = Layer(
        type_val="markers",
        name=title,
        config={
            "showLegend": False,
            "style": {
                "color": {"field": "health", "fixed": GREEN},
                "size": {"fixed": 5, "min": 2, "max": 15},
                "symbol": {"fixed": "img/icons/marker/circle.svg", "mode": "fixed"},
                "opacity": 0.8,
            },
        },
        location=kinds.FrameGeometrySource(
            mode=kinds.FrameGeometrySourceMode.COORDS, latitude="latitude", longitude="longitude"
        ),
        tooltip=True,
    )
    return (
        geomap.Panel()
        .title(title)
        .datasource(database())
        .span(size[0])
        .height(size[1])
        .view(geomap.MapViewConfig().id("fit").all_layers(True).lat(48).lon(-4).zoom(12))  # noqa: FBT003
        .basemap(Layer(type_val="default", name="Layer 0"))
        .layers([points])
        .thresholds(from_value((None, GREEN), (1, YELLOW), (2, RED)))
        .color_scheme(FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .with_target(query)
    )


def severity_cells(names: Mapping[str, str]) -> Properties:
    """Return how severities look in a table: in words, on their colour."""
    options = {
        name: models.ValueMappingResult(text=names[name], color=colour, index=index)
        for index, (name, colour) in enumerate(SEVERITIES.items())
    }
    return {
        "mappings": [models.ValueMap(options=options)],
        "custom.cellOptions": {"type": "color-background", "mode": "basic"},
    }


def to_device(title: str) -> Properties:
    """Return the link from a cell to the page of the device whose id is in column ``device``."""
    return {"links": [{"title": title, "url": "/d/penfeld-device?var-device=${__data.fields.device:percentencode}"}]}


def to_board(title: str, uid: str) -> Properties:
    """Return the link from a cell to a board; ``uid`` may name columns."""
    return {"links": [{"title": title, "url": f"/d/{uid}"}]}


WHEN: Properties = {"unit": "dateTimeAsLocal"}
HIDDEN: Properties = {"custom.hidden": True}
