"""What charts have in common: colours, scales, and lines to compare with.

Colours are those of Okabe and Ito (2008), which the colour-blind can tell apart.
"""

from __future__ import annotations

import altair as alt

BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#8A8A8A"
COLOURS = [BLUE, ORANGE, GREEN, VERMILION]
STRANDS = alt.Scale(domain=["+", "-"], range=[BLUE, ORANGE])
SIDES = alt.Scale(domain=["before", "after"], range=[GREY, BLUE])
SIGNIFICANT, NOT_SIGNIFICANT, NO_CONTROLS = "significant", "not significant", "no controls"
VERDICTS = alt.Scale(domain=[SIGNIFICANT, NOT_SIGNIFICANT, NO_CONTROLS], range=[BLUE, GREY, GREY])
MOTIF, SITE = "significant motif", "significant annotation"
KINDS = alt.Scale(domain=[MOTIF, SITE, NOT_SIGNIFICANT], range=[BLUE, ORANGE, GREY])
KIND_SHAPES = alt.Scale(domain=[MOTIF, SITE, NOT_SIGNIFICANT], range=["circle", "diamond", "circle"])
SHAPES = alt.Scale(domain=[SIGNIFICANT, NOT_SIGNIFICANT, NO_CONTROLS], range=["diamond", "circle", "circle"])
BOTH_ACT, REST = "acts in both", "no change otherwise"
CHANGED = [BOTH_ACT, "gained", "lost", "flipped", REST]
CHANGES = alt.Scale(domain=CHANGED, range=[BLUE, GREEN, ORANGE, VERMILION, GREY])
CHANGE_SHAPES = alt.Scale(domain=CHANGED, range=["circle", "triangle-up", "triangle-down", "diamond", "circle"])

Layers = alt.LayerChart | alt.FacetChart
"""The type of what `alt.layer` gives: here always the first."""


PLAIN = ",~r"
"""How numbers of axes are written: 1,500, not 1.5e+3."""


def effect(field: str) -> alt.Tooltip:
    """An effect with its sign, as people read it."""
    return alt.Tooltip(f"{field}:Q", format="+,.3~r")


def number(field: str) -> alt.Tooltip:
    return alt.Tooltip(f"{field}:Q", format=".3~g")


def strand() -> alt.Color:
    return alt.Color("strand:N", scale=STRANDS, title="strand")


def diagonal(x: str, y: str) -> alt.Chart:
    """Where the two fields are equal, in data `diagonal` (its ends)."""
    return alt.Chart(alt.NamedData("diagonal")).mark_line(color=GREY, strokeDash=[4, 3]).encode(x=f"{x}:Q", y=f"{y}:Q")


def zero(axis: str = "y") -> alt.Chart:
    """The effect of nothing, in data `neutral` (value)."""
    rule = alt.Chart(alt.NamedData("neutral")).mark_rule(color=GREY)
    return rule.encode(y="value:Q") if axis == "y" else rule.encode(x="value:Q")
