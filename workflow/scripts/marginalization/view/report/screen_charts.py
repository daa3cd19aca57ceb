"""The charts of a whole screen, in Vega-Lite, each a function whose docstring names the data that it is drawn from."""

from __future__ import annotations

import altair as alt

from .marks import BLUE, GREEN, GREY, ORANGE, VERDICTS, Layers, diagonal, number, zero


def ranked() -> Layers:
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
        tooltip=["name:N", number("effect"), number("low"), number("high"), number("q"), "verdict:N"],
    )
    labels = [
        base.transform_filter(f"isValid(datum.label_{side})")
        .mark_text(align="left" if dx > 0 else "right", dx=dx, dy=-7, fontSize=11, limit=220)
        .encode(x=x, y="effect:Q", text=f"label_{side}:N")
        for side, dx in (("left", 8), ("right", -8))
    ]
    return alt.layer(band, zero(), points, *labels).properties(width="container", height=340)


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
            tooltip=["name:N", "view:N", number("effect"), number("q"), alt.Tooltip("group:N", title="like")],
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
            tooltip=["name:N", number("a"), number("b"), "verdict:N"],
        )
        .properties(width="container", height=340)
    )


def quantiles() -> Layers:
    """Sorted p-values against those of a uniform distribution. Data: `quantiles` (expected, observed, test), -log10."""
    points = (
        alt.Chart(alt.NamedData("quantiles"))
        .mark_circle(size=24)
        .encode(
            x=alt.X("expected:Q", title="expected -log10 p"),
            y=alt.Y("observed:Q", title="observed -log10 p"),
            color=alt.Color("test:N", title=None, scale=alt.Scale(range=[BLUE, ORANGE])),
            tooltip=["test:N", number("expected"), number("observed")],
        )
    )
    return alt.layer(diagonal("expected", "observed"), points).properties(width="container", height=260)


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
            tooltip=["model:N", "job:N", number("rate")],
        )
        .properties(width="container", height=alt.Step(22))
    )
