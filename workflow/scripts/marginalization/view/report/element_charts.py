"""The charts of one element or pair, in Vega-Lite, each a function whose docstring names its data."""

from __future__ import annotations

import altair as alt

from .marks import (
    BLUE,
    COLOURS,
    GREY,
    SHAPES,
    SIDES,
    STRANDS,
    VERMILION,
    Layers,
    diagonal,
    effect,
    number,
    strand,
    zero,
)


def backgrounds() -> Layers:
    """Before against after, a point for each background. Data: `backgrounds` (before, after, strand)."""
    points = (
        alt.Chart(alt.NamedData("backgrounds"))
        .mark_circle(size=36, opacity=0.75)
        .encode(
            x=alt.X("before:Q", title="before", scale=alt.Scale(zero=False)),
            y=alt.Y("after:Q", title="after", scale=alt.Scale(zero=False)),
            color=alt.Color("strand:N", scale=STRANDS, title="strand"),
            tooltip=[number("before"), number("after"), "strand:N"],
        )
    )
    return alt.layer(diagonal("before", "after"), points).properties(width="container", height=240)


def loci() -> alt.FacetChart:
    """Effect against what is known of each locus. Data: `loci` (covariate, value, effect, strand, locus)."""
    points = (
        alt.Chart(alt.NamedData("loci"))
        .mark_circle(size=36, opacity=0.75)
        .encode(
            x=alt.X("value:Q", title=None, scale=alt.Scale(zero=False)),
            y=alt.Y("effect:Q", title="effect", scale=alt.Scale(zero=False)),
            color=strand(),
            tooltip=["locus:N", number("value"), number("effect"), "strand:N"],
        )
        .properties(width=130, height=130)
    )
    return points.facet(facet=alt.Facet("covariate:N", title=None, sort=None), columns=2).resolve_scale(x="independent")


def controls() -> Layers:
    """An element's mean effect and its controls'.

    Data: `own` (effect, low, high, strand), `controls` (effect, strand).
    """
    y = alt.Y("strand:N", title="strand")
    ticks = (
        alt.Chart(alt.NamedData("controls"))
        .mark_tick(color=GREY, thickness=2)
        .encode(x=alt.X("effect:Q", title="mean effect; grey: of its controls"), y=y, tooltip=[effect("effect")])
    )
    own = alt.Chart(alt.NamedData("own"))
    interval = own.mark_rule(strokeWidth=2, color=BLUE).encode(x="low:Q", x2="high:Q", y=y)
    mean = own.mark_circle(size=90, color=BLUE, opacity=1).encode(
        x="effect:Q", y=y, tooltip=[effect("effect"), effect("low"), effect("high")]
    )
    return alt.layer(ticks, interval, mean).properties(width="container", height=alt.Step(42))


def profile() -> alt.Chart:
    """Mean profiles before and after. Data: `profile` (position, value, side, target)."""
    return _profile("expected counts").encode(color=alt.Color("side:N", scale=SIDES, title=None))


def change() -> alt.Chart:
    """The difference of mean profiles, after - before. Data: `profile` (position, value, target)."""
    return _profile("after - before").encode(color=alt.value(VERMILION))


def targets() -> Layers:
    """An element's effect on each target of a readout, by every model.

    Data: `targets` (view, effect, low, high, z, q, strand, verdict), `neutral`.
    """
    base = alt.Chart(alt.NamedData("targets"))
    y = alt.Y("view:N", title=None, sort=None, axis=alt.Axis(labelLimit=260))
    offset = alt.YOffset("strand:N")
    interval = base.mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q", y=y, yOffset=offset, color=strand())
    mean = base.mark_point(size=55, filled=True, opacity=1).encode(
        x=alt.X("effect:Q", title="mean effect, 95 % interval"),
        y=y,
        yOffset=offset,
        color=strand(),
        shape=alt.Shape("verdict:N", scale=SHAPES, title=None),
        tooltip=["view:N", "strand:N", effect("effect"), number("z"), number("q"), "verdict:N"],
    )
    return alt.layer(zero("x"), interval, mean).properties(width="container", height=alt.Step(15))


def scan() -> Layers:
    """Effect as a function of position.

    Data: `scan` (start, effect, low, high, strand), `halves` (start, effect, strand, distance, best: where half of the
    largest effect is left, how far that is from where it is largest, and where this is), `neutral`.
    """
    base = alt.Chart(alt.NamedData("scan")).encode(
        x=alt.X("start:Q", title="position of the first base in the background (bp)")
    )
    band = base.mark_area(opacity=0.2).encode(y="low:Q", y2="high:Q", color=strand())
    line = base.mark_line(point={"size": 20}).encode(
        y=alt.Y("effect:Q", title="mean effect, 95 % interval"),
        color=strand(),
        tooltip=["start:Q", "strand:N", effect("effect")],
    )
    halves = (
        alt.Chart(alt.NamedData("halves"))
        .mark_point(shape="diamond", size=90, strokeWidth=2)
        .encode(
            x="start:Q",
            y="effect:Q",
            color=strand(),
            tooltip=[alt.Tooltip("distance:Q", title="half of the effect is lost within (bp)"), "best:Q", "strand:N"],
        )
    )
    return alt.layer(zero(), band, line, halves).properties(width="container", height=220)


def spacing() -> Layers:
    """Cooperativity of a pair of motifs by their distance.

    Data: `pairs` (distance, value, low, high, q, orientation), `neutral`.
    """
    base = alt.Chart(alt.NamedData("pairs")).encode(
        x=alt.X("distance:Q", title="bases between the motifs"),
        color=alt.Color("orientation:N", title="strands", scale=alt.Scale(range=COLOURS)),
    )
    band = base.mark_area(opacity=0.15).encode(y="low:Q", y2="high:Q")
    line = base.mark_line(point={"size": 22}).encode(
        y=alt.Y("value:Q", title="cooperativity, 95 % interval"),
        tooltip=["distance:Q", "orientation:N", effect("value"), number("q")],
    )
    return alt.layer(zero(), band, line).properties(width="container", height=260)


def copies() -> Layers:
    """Effect by the number of copies of a motif; dashed, what it were if each copy did what one does.

    Data: `copies` (n, effect, low, high, expected, distance, over_one, over_expected), `neutral`.
    """
    x = alt.X("n:Q", title="copies", axis=alt.Axis(tickMinStep=1, format="d"))
    base = alt.Chart(alt.NamedData("copies")).encode(
        x=x,
        color=alt.Color("distance:N", title="bases between copies", scale=alt.Scale(range=COLOURS)),
    )
    band = base.mark_area(opacity=0.15).encode(y="low:Q", y2="high:Q")
    line = base.mark_line(point={"size": 30}).encode(
        y=alt.Y("effect:Q", title="mean effect, 95 % interval"),
        tooltip=["n:Q", "distance:N", number("effect"), number("over_one"), number("over_expected")],
    )
    expected = (
        alt.Chart(alt.NamedData("copies")).mark_line(color=GREY, strokeDash=[4, 3]).encode(x=x, y="max(expected):Q")
    )
    return alt.layer(zero(), expected, band, line).properties(width="container", height=260)


def attributions() -> Layers:
    """Mean attributions around the element. Data: `attributions` (position, before, after)."""
    base = alt.Chart(alt.NamedData("attributions")).encode(
        x=alt.X("position:Q", title="position in the background (bp)", scale=alt.Scale(zero=False)),
        tooltip=["position:Q", effect("before"), effect("after")],
    )
    after = base.mark_bar(width=4, color=BLUE).encode(
        y=alt.Y("after:Q", title="mean attribution; grey: before"),
    )
    before = base.mark_tick(color=GREY, thickness=2, width=4).encode(y="before:Q")
    return alt.layer(after, before).properties(width="container", height=200)


def _profile(title: str) -> alt.Chart:
    base = alt.Chart(alt.NamedData("profile")).mark_line(strokeWidth=1.5)
    return base.encode(
        x=alt.X("position:Q", title="position from the element's centre (bp)"),
        y=alt.Y("value:Q", title=title),
        strokeDash=alt.StrokeDash("target:N", title="strand"),
    ).properties(width="container", height=190)
