"""The charts of a whole screen, in Vega-Lite, each a function whose docstring names the data that it is drawn from."""

from __future__ import annotations

import altair as alt

from .marks import (
    BLUE,
    CHANGE_SHAPES,
    CHANGES,
    GREEN,
    GREY,
    KIND_SHAPES,
    KINDS,
    ORANGE,
    PLAIN,
    VERDICTS,
    Layers,
    diagonal,
    effect,
    number,
    zero,
)
from .overview.labels import FONT, HEIGHT

FITS = "datum.least <= width && width < datum.most"
"""Of names: whether a chart is as wide as they are placed for."""


def volcano() -> Layers:
    """Effects against how sure they are, with the range that nothing significant leaves, and the level of q.

    Data: `elements` (effect, sure, low, high, q, name, element, shown), where `sure` is -log10 of q, and `labels` as
    `labels.labels` gives them, of several panels both with their `panel`; `floor` (low, high, title; no rows without
    any), `level` (sure).
    """
    floor = (
        alt.Chart(alt.NamedData("floor"))
        .mark_rect(color=GREY, opacity=0.25)
        .encode(x=alt.X("low:Q"), x2="high:Q", tooltip=[alt.Tooltip("title:N", title="grey band")])
    )
    level = alt.Chart(alt.NamedData("level")).mark_rule(color=GREY, strokeDash=[4, 3]).encode(y="sure:Q")
    x = alt.X("effect:Q", title="mean effect", axis=alt.Axis(format=PLAIN, tickCount=8))
    y = alt.Y("sure:Q", title="how sure: -log10 of q")
    points = (
        alt.Chart(alt.NamedData("elements"))
        .mark_point(size=34, filled=True, opacity=0.8)
        .encode(
            x=x,
            y=y,
            color=alt.Color("shown:N", scale=KINDS, legend=alt.Legend(title=None)),
            shape=alt.Shape("shown:N", scale=KIND_SHAPES, legend=alt.Legend(title=None)),
            tooltip=["name:N", effect("effect"), effect("low"), effect("high"), number("q"), "shown:N"],
        )
    )
    return alt.layer(floor, level, points, names()).properties(width="container", height=HEIGHT)


def lollipop() -> Layers:
    """What acts, a row each: its effect with its interval, before the range of the controls.

    Data: `found` (name, effect, low, high, q, verdict), sorted as it is to be shown; `floor`, `neutral`.
    """
    floor = alt.Chart(alt.NamedData("floor")).mark_rect(color=GREY, opacity=0.25).encode(x=alt.X("low:Q"), x2="high:Q")
    base = alt.Chart(alt.NamedData("found"))
    y = alt.Y("name:N", title=None, sort=None, axis=alt.Axis(labelLimit=220))
    color = alt.Color("verdict:N", scale=VERDICTS, legend=None)
    tooltip = ["name:N", effect("effect"), effect("low"), effect("high"), number("q"), "verdict:N"]
    stem = base.mark_rule(strokeWidth=1.5, opacity=0.45).encode(x="neutral:Q", x2="effect:Q", y=y, color=color)
    interval = base.mark_rule(strokeWidth=2.5).encode(x="low:Q", x2="high:Q", y=y, color=color)
    mean = base.mark_circle(size=60, opacity=1).encode(
        x=alt.X("effect:Q", title="mean effect", axis=alt.Axis(format=PLAIN, tickCount=8)),
        y=y,
        color=color,
        tooltip=tooltip,
    )
    return alt.layer(floor, zero("x"), stem, interval, mean).properties(width="container", height=alt.Step(18))


def heat_map() -> alt.Chart:
    """Effects of what acts on each target, in units of what is large there.

    Data: `cells` (name, view, value, effect, q, group), sorted as they are to be shown.
    """
    return (
        alt.Chart(alt.NamedData("cells"))
        .mark_rect()
        .encode(
            x=alt.X("name:N", title=None, sort=None, axis=alt.Axis(labelAngle=-45, labelLimit=140, labelOverlap=False)),
            y=alt.Y("view:N", title=None, sort=None, axis=alt.Axis(labelLimit=200)),
            color=alt.Color(
                "value:Q",
                title="effect / what is large on its target",
                scale=alt.Scale(scheme="blueorange", domain=[-1, 1], reverse=True, clamp=True),
                legend=alt.Legend(gradientLength=200, titleLimit=260),
            ),
            tooltip=["name:N", "view:N", effect("effect"), number("q"), alt.Tooltip("group:N", title="like")],
        )
        .properties(width="container", height=alt.Step(22))
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
            tooltip=["name:N", effect("a"), effect("b"), "verdict:N"],
        )
        .properties(width="container", height=340)
    )


def screens() -> Layers:
    """One screen's effects against another's, a point for each element, and where they are equal.

    Data: `points` (a, b, name, element, shown, difference, q); `labels` as `labels.labels` gives them; `diagonal`, of
    effects in one unit.
    """
    points = (
        alt.Chart(alt.NamedData("points"))
        .mark_point(size=36, filled=True, opacity=0.8)
        .encode(
            x=alt.X("a:Q", title="mean effect in the first", axis=alt.Axis(format=PLAIN, tickCount=8)),
            y=alt.Y("b:Q", title="mean effect in the second", axis=alt.Axis(format=PLAIN)),
            color=alt.Color("shown:N", scale=CHANGES, legend=alt.Legend(title=None, columns=3)),
            shape=alt.Shape("shown:N", scale=CHANGE_SHAPES, legend=alt.Legend(title=None, columns=3)),
            tooltip=["name:N", effect("a"), effect("b"), effect("difference"), number("q"), "shown:N"],
        )
    )
    return alt.layer(diagonal("a", "b"), points, names()).properties(width="container", height=HEIGHT)


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


def names() -> alt.Chart:
    """Names beside points, in data `labels`, as `labels.labels` gives them."""
    return (
        alt.Chart(alt.NamedData("labels"))
        .transform_filter(FITS)
        .mark_text(fontSize=FONT, dx=_of("dx"), dy=_of("dy"), align=_of("align"), baseline="middle")
        .encode(x="x:Q", y="y:Q", text="label:N")
    )


def _of(field: str) -> alt.ExprRef:
    """What a mark takes from its own row."""
    return alt.ExprRef(f"datum.{field}")
