"""The charts of the report, in Vega-Lite, and the data that each is drawn from.

A chart names its data instead of holding it, so the same definition is drawn in the browser, of whichever element is
looked at, and written to files.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import altair as alt

from .element_charts import attributions, backgrounds, change, controls, copies, loci, profile, scan, spacing, targets
from .marks import Layers
from .screen_charts import against, composition, heat_map, lollipop, quantiles, rates, screens, spread, volcano

UNITS = {
    "difference": "change of {}, after - before",
    "log2_fold_change": "log2 fold change of {}",
    "ratio": "{}, after / before",
    "log_odds": "change of the log odds of {}",
}
"""Of effects on a readout, by its scale."""


CHARTS: dict[str, Callable[[], alt.Chart | Layers]] = {
    chart.__name__: chart
    for chart in (
        volcano,
        lollipop,
        backgrounds,
        loci,
        controls,
        profile,
        change,
        targets,
        scan,
        attributions,
        spacing,
        copies,
        heat_map,
        against,
        screens,
        quantiles,
        composition,
        spread,
        rates,
    )
}


def specification(name: str, data: dict[str, list[dict[str, Any]]] | None = None) -> dict[str, Any]:
    """A chart in Vega-Lite, with its data if they are given."""
    chart = CHARTS[name]().configure(font="system-ui, sans-serif", background="transparent")
    spec = chart.configure_view(strokeWidth=0).configure_legend(orient="top").to_dict(validate=False)
    if getattr(chart, "width", None) == "container":
        spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    spec["description"] = (CHARTS[name].__doc__ or "").partition("\n")[0].partition(" Data:")[0]
    if data is None:
        return spec
    panels = dict.fromkeys(row["panel"] for rows in data.values() for row in rows if "panel" in row)
    return {**(_beside(spec, list(panels)) if panels else spec), "datasets": data}


def _beside(spec: dict[str, Any], panels: list[str]) -> dict[str, Any]:
    """A chart of layers as small multiples on the same axes: each has the rows of its panel, and those of none."""
    shared = {key: spec[key] for key in ("$schema", "config", "description")}
    own = {key: value for key, value in spec.items() if key not in (*shared, "autosize")}

    def layers(panel: str) -> list[dict[str, Any]]:
        only = {"filter": f"!isDefined(datum.panel) || datum.panel === {json.dumps(panel)}"}
        return [{**layer, "transform": [only, *layer.get("transform", [])]} for layer in spec["layer"]]

    concat = [{**own, "title": panel, "layer": layers(panel)} for panel in panels]
    resolve = {"scale": {"x": "shared", "y": "shared"}}
    return {**shared, "columns": len(panels), "concat": concat, "resolve": resolve}
