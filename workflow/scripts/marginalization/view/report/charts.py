"""The charts of the report, in Vega-Lite, and the data that each is drawn from.

A chart names its data instead of holding it, so the same definition is drawn in the browser, of whichever element is
looked at, and written to files. Colours are those of Okabe and Ito (2008), which the colour-blind can tell apart.
"""

from __future__ import annotations

from typing import Any

import altair as alt

BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#8A8A8A"
STRANDS = alt.Scale(domain=["+", "-"], range=[BLUE, ORANGE])
SIDES = alt.Scale(domain=["before", "after"], range=[GREY, BLUE])
SIGNIFICANT, NOT_SIGNIFICANT, NO_CONTROLS = "significant", "not significant", "no controls"
VERDICTS = alt.Scale(domain=[SIGNIFICANT, NOT_SIGNIFICANT, NO_CONTROLS], range=[BLUE, GREY, GREY])
SHAPES = alt.Scale(domain=[SIGNIFICANT, NOT_SIGNIFICANT, NO_CONTROLS], range=["diamond", "circle", "circle"])

UNITS = {
    "difference": "after - before",
    "log2_fold_change": "log2 fold change",
    "ratio": "after / before",
    "log_odds": "log odds, after - before",
}


def ranked() -> alt.Chart:
    """Elements by their effect, with the range of the controls behind them.

    Data: `elements` (position, effect, low, high, q, name, element, verdict, and label_left or label_right where there
    is room for one), `band` (low, high and title, of the middle 95 % of controls; no rows without any), `neutral`.
    """
    band = (
        alt.Chart(alt.NamedData("band"))
        .mark_rect(color=GREY, opacity=0.25)
        .encode(y=alt.Y("low:Q"), y2="high:Q", tooltip=[alt.Tooltip("title:N", title="grey band")])
    )
    base = alt.Chart(alt.NamedData("elements"))
    x = alt.X("position:Q", title="elements, by their effect", axis=alt.Axis(grid=False, tickMinStep=1))
    points = base.mark_circle(size=34, opacity=0.9).encode(
        x=x,
        y=alt.Y("effect:Q", title="mean effect"),
        color=alt.Color("verdict:N", scale=VERDICTS, legend=alt.Legend(title=None, values=VERDICTS.domain[:2])),
        tooltip=["name:N", _number("effect"), _number("low"), _number("high"), _number("q"), "verdict:N"],
    )
    labels = [
        base.transform_filter(f"isValid(datum.label_{side})")
        .mark_text(align=align, dx=dx, dy=-7, fontSize=11, limit=220)
        .encode(x=x, y="effect:Q", text=f"label_{side}:N")
        for side, align, dx in (("left", "left", 8), ("right", "right", -8))
    ]
    return alt.layer(band, _zero(), points, *labels).properties(width="container", height=340)


def backgrounds() -> alt.Chart:
    """Before against after, a point for each background. Data: `backgrounds` (before, after, strand)."""
    points = (
        alt.Chart(alt.NamedData("backgrounds"))
        .mark_circle(size=36, opacity=0.75)
        .encode(
            x=alt.X("before:Q", title="before", scale=alt.Scale(zero=False)),
            y=alt.Y("after:Q", title="after", scale=alt.Scale(zero=False)),
            color=alt.Color("strand:N", scale=STRANDS, title="strand"),
            tooltip=[_number("before"), _number("after"), "strand:N"],
        )
    )
    return alt.layer(_diagonal("before", "after"), points).properties(width="container", height=240)


def controls() -> alt.Chart:
    """An element's mean effect and its controls'.

    Data: `own` (effect, low, high, strand), `controls` (effect, strand).
    """
    y = alt.Y("strand:N", title="strand")
    ticks = (
        alt.Chart(alt.NamedData("controls"))
        .mark_tick(color=GREY, thickness=2)
        .encode(x=alt.X("effect:Q", title="mean effect; grey: of its controls"), y=y, tooltip=[_number("effect")])
    )
    own = alt.Chart(alt.NamedData("own"))
    interval = own.mark_rule(strokeWidth=2, color=BLUE).encode(x="low:Q", x2="high:Q", y=y)
    mean = own.mark_circle(size=90, color=BLUE, opacity=1).encode(
        x="effect:Q", y=y, tooltip=[_number("effect"), _number("low"), _number("high")]
    )
    return alt.layer(ticks, interval, mean).properties(width="container", height=alt.Step(42))


def profile() -> alt.Chart:
    """Mean profiles before and after. Data: `profile` (position, value, side, target)."""
    return _profile("expected counts").encode(color=alt.Color("side:N", scale=SIDES, title=None))


def change() -> alt.Chart:
    """The difference of mean profiles, after - before. Data: `profile` (position, value, target)."""
    return _profile("after - before").encode(color=alt.value(VERMILION))


def targets() -> alt.Chart:
    """An element's effect on each target of a readout, by every model.

    Data: `targets` (view, effect, low, high, z, q, strand, verdict), `neutral`.
    """
    base = alt.Chart(alt.NamedData("targets"))
    y = alt.Y("view:N", title=None, sort=None, axis=alt.Axis(labelLimit=260))
    offset = alt.YOffset("strand:N")
    interval = base.mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q", y=y, yOffset=offset, color=_strand())
    mean = base.mark_point(size=55, filled=True, opacity=1).encode(
        x=alt.X("effect:Q", title="mean effect, 95 % interval"),
        y=y,
        yOffset=offset,
        color=_strand(),
        shape=alt.Shape("verdict:N", scale=SHAPES, title=None),
        tooltip=["view:N", "strand:N", _number("effect"), _number("z"), _number("q"), "verdict:N"],
    )
    return alt.layer(_zero("x"), interval, mean).properties(width="container", height=alt.Step(15))


def scan() -> alt.Chart:
    """Effect as a function of position. Data: `scan` (start, effect, low, high, strand)."""
    base = alt.Chart(alt.NamedData("scan")).encode(
        x=alt.X("start:Q", title="position of the first base in the background (bp)")
    )
    band = base.mark_area(opacity=0.2).encode(y="low:Q", y2="high:Q", color=_strand())
    line = base.mark_line(point={"size": 20}).encode(
        y=alt.Y("effect:Q", title="mean effect, 95 % interval"),
        color=_strand(),
        tooltip=["start:Q", "strand:N", _number("effect")],
    )
    return alt.layer(_zero(), band, line).properties(width="container", height=220)


def spacing() -> alt.Chart:
    """Cooperativity of a pair of motifs by their distance.

    Data: `pairs` (distance, value, low, high, q, orientation), `neutral`.
    """
    base = alt.Chart(alt.NamedData("pairs")).encode(
        x=alt.X("distance:Q", title="bases between the motifs"),
        color=alt.Color("orientation:N", title="strands", scale=alt.Scale(range=[BLUE, ORANGE, GREEN, VERMILION])),
    )
    band = base.mark_area(opacity=0.15).encode(y="low:Q", y2="high:Q")
    line = base.mark_line(point={"size": 22}).encode(
        y=alt.Y("value:Q", title="cooperativity, 95 % interval"),
        tooltip=["distance:Q", "orientation:N", _number("value"), _number("q")],
    )
    return alt.layer(_zero(), band, line).properties(width="container", height=260)


def attributions() -> alt.Chart:
    """Mean attributions around the element. Data: `attributions` (position, before, after)."""
    base = alt.Chart(alt.NamedData("attributions")).encode(
        x=alt.X("position:Q", title="position in the background (bp)", scale=alt.Scale(zero=False)),
        tooltip=["position:Q", _number("before"), _number("after")],
    )
    after = base.mark_bar(width=4, color=BLUE).encode(
        y=alt.Y("after:Q", title="mean attribution; grey: before"),
    )
    before = base.mark_tick(color=GREY, thickness=2, width=4).encode(y="before:Q")
    return alt.layer(after, before).properties(width="container", height=200)


def heat_map() -> alt.Chart:
    """Effects of elements on views, in units of the controls' spread where there are controls.

    Data: `cells` (name, view, value, effect, q, group), sorted as they are to be shown.
    """
    return (
        alt.Chart(alt.NamedData("cells"))
        .mark_rect()
        .encode(
            x=alt.X("view:N", title=None, sort=None, axis=alt.Axis(labelAngle=-40, labelLimit=220)),
            y=alt.Y("name:N", title=None, sort=None, axis=alt.Axis(labelLimit=260)),
            color=alt.Color(
                "value:Q",
                title="effect / largest of its column",
                scale=alt.Scale(scheme="blueorange", domain=[-1, 1], reverse=True),
            ),
            tooltip=["name:N", "view:N", _number("effect"), _number("q"), alt.Tooltip("group:N", title="like")],
        )
        .properties(width=alt.Step(34), height=alt.Step(13))
    )


def against() -> alt.Chart:
    """One view against another, a point for each element. Data: `pairs` (a, b, name, element, verdict)."""
    return (
        alt.Chart(alt.NamedData("pairs"))
        .mark_circle(size=36, opacity=0.8)
        .encode(
            x=alt.X("a:Q", title="mean effect in the first"),
            y=alt.Y("b:Q", title="mean effect in the second"),
            color=alt.Color(
                "verdict:N",
                title="significant in",
                scale=alt.Scale(domain=["both", "first", "second", "neither"], range=[BLUE, GREEN, ORANGE, GREY]),
            ),
            tooltip=["name:N", _number("a"), _number("b"), "verdict:N"],
        )
        .properties(width="container", height=340)
    )


def quantiles() -> alt.Chart:
    """Sorted p-values against those of a uniform distribution. Data: `quantiles` (expected, observed, test), -log10."""
    points = (
        alt.Chart(alt.NamedData("quantiles"))
        .mark_circle(size=24)
        .encode(
            x=alt.X("expected:Q", title="expected -log10 p"),
            y=alt.Y("observed:Q", title="observed -log10 p"),
            color=alt.Color("test:N", title=None, scale=alt.Scale(range=[BLUE, ORANGE])),
            tooltip=["test:N", _number("expected"), _number("observed")],
        )
    )
    return alt.layer(_diagonal("expected", "observed"), points).properties(width="container", height=260)


def composition() -> alt.Chart:
    """The backgrounds' GC content. Data: `composition` (gc)."""
    return (
        alt.Chart(alt.NamedData("composition"))
        .mark_bar(color=BLUE)
        .encode(
            x=alt.X("gc:Q", bin=alt.Bin(maxbins=25), title="GC content (fraction)"),
            y=alt.Y("count()", title="backgrounds"),
        )
        .properties(width="container", height=180)
    )


def spread() -> alt.Chart:
    """The predictions for backgrounds as they are, of one readout. Data: `spread` (view, before)."""
    return (
        alt.Chart(alt.NamedData("spread"))
        .mark_tick(color=BLUE, opacity=0.6)
        .encode(
            x=alt.X("before:Q", title="prediction before", scale=alt.Scale(zero=False)),
            y=alt.Y("view:N", title=None, sort=None, axis=alt.Axis(labelLimit=260)),
        )
        .properties(width="container", height=alt.Step(22))
    )


def rates() -> alt.Chart:
    """Marginals for each second of a shard's job. Data: `rates` (model, rate)."""
    return (
        alt.Chart(alt.NamedData("rates"))
        .mark_tick(color=BLUE, thickness=2)
        .encode(
            x=alt.X("rate:Q", title="marginals per second of a job", scale=alt.Scale(zero=False)),
            y=alt.Y("model:N", title=None),
            tooltip=["model:N", "job:N", _number("rate")],
        )
        .properties(width="container", height=alt.Step(22))
    )


CHARTS = {
    chart.__name__: chart
    for chart in (
        ranked,
        backgrounds,
        controls,
        profile,
        change,
        targets,
        scan,
        attributions,
        spacing,
        heat_map,
        against,
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
    if chart.width == "container":
        spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    spec["description"] = CHARTS[name].__doc__.partition("\n")[0].partition(" Data:")[0]
    return spec if data is None else {**spec, "datasets": data}


def _number(field: str) -> alt.Tooltip:
    return alt.Tooltip(f"{field}:Q", format=".3~g")


def _profile(title: str) -> alt.Chart:
    base = alt.Chart(alt.NamedData("profile")).mark_line(strokeWidth=1.5)
    return base.encode(
        x=alt.X("position:Q", title="position from the element's centre (bp)"),
        y=alt.Y("value:Q", title=title),
        strokeDash=alt.StrokeDash("target:N", title="strand"),
    ).properties(width="container", height=190)


def _strand() -> alt.Color:
    return alt.Color("strand:N", scale=STRANDS, title="strand")


def _diagonal(x: str, y: str) -> alt.Chart:
    """Where the two fields are equal, in data `diagonal` (its ends)."""
    return alt.Chart(alt.NamedData("diagonal")).mark_line(color=GREY, strokeDash=[4, 3]).encode(x=f"{x}:Q", y=f"{y}:Q")


def _zero(axis: str = "y") -> alt.Chart:
    """The effect of nothing, in data `neutral` (value)."""
    rule = alt.Chart(alt.NamedData("neutral")).mark_rule(color=GREY)
    return rule.encode(y="value:Q") if axis == "y" else rule.encode(x="value:Q")
