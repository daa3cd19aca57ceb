"""Small multiples: strands, or the models of a group, that differ are drawn apart, and those alike in one figure.

What differs is told by `reading.differing`. Here it is said in words, and panels are made of what is drawn apart.
"""

from __future__ import annotations

import math
from typing import Any

from ...quantities import listed
from .labels import WIDTHS, labels

STRAND_NAMES = {"+": "forward strand", "-": "reverse strand"}
MOST_DRAWN = 12
"""Models, readouts and targets with figures of their own, also on the page; the table has all."""
MANY_LABELS = 6
"""Names in a chart of a screen of more views than `MOST_DRAWN`."""
MOST_MODELS = 6
"""Of a group, in panels of their own."""
MARGIN = 0.04
"""Of an axis, beyond its outermost points."""
MOST_TOLD = 4
"""Names that a sentence on what differs has."""

Rows = dict[int, dict[str, Any]]
"""Of a view: the row of effects of each element, by its number."""


def by_strand(contents: dict[str, Any]) -> list[dict[str, Rows]]:
    """Of each view the rows on each strand; under "" those on the strand where the element does most."""
    effects, views = contents["effects"], contents["views"]
    names = ["element", "effect", "low", "high", "q", "significant"]
    found: list[dict[str, Rows]] = [{"": {}} for _ in views]
    for view, strand, *values in zip(*(effects[name] for name in ("view", "strand", *names)), strict=True):
        row, neutral, own = dict(zip(names, values, strict=True)), views[view]["neutral"], found[view]
        own.setdefault(strand, {})[row["element"]] = row
        known = own[""].get(row["element"])
        if known is None or abs(row["effect"] - neutral) > abs(known["effect"] - neutral):
            own[""][row["element"]] = row
    return found


def volcanoes(contents: dict[str, Any], rows: list[dict[str, Rows]], every: bool = False) -> list[dict[str, Any]]:
    """Of each view the panels of its chart `volcano`, all on the axes `x` and `y` (their ends), and `said`, in words.

    A panel has the `view` and `strand` ("" for where an element does most) that it shows, a `title`, and `labels`: the
    names of what acts, or of all findings. There are several where something that acts differs. Rows are those
    `by_strand`.
    """
    found = []
    for view in range(len(contents["views"])):
        strands, folds = _differing(contents, view)
        shown = [(view, strand, STRAND_NAMES[strand]) for strand in STRAND_NAMES if strands]
        shown = shown or [(view, "", contents["views"][view]["model"])]
        if folds:
            shown += [(other, "", contents["views"][other]["model"]) for other in _folds(contents, view)[:MOST_MODELS]]
        points = [_points(rows[other].get(strand, {})) for other, strand, _ in shown]
        x, y = _ends(contents, view, points)
        panels = [
            {"view": other, "strand": strand, "title": title, "labels": _labels(contents, view, own, (x, y), every)}
            for (other, strand, title), own in zip(shown, points, strict=True)
        ]
        found.append({"panels": panels, "x": x, "y": y, "said": _said(contents, view, strands, folds)})
    return found


def apart(
    contents: dict[str, Any], rows: list[dict[str, Rows]], view: int, row: dict[str, Any]
) -> list[tuple[str, Any]]:
    """A finding's effects that are drawn, and words on each: one without, or those of strands or models that differ."""
    if not row["members"]:
        return [("", row)]
    best = row["members"][0]
    differing = contents["differing"][view]
    found: list[tuple[str, Any]] = []
    if best in differing["strands"]:
        found = [(words, rows[view][strand][best]) for strand, words in STRAND_NAMES.items()]
    if best in differing["folds"]:
        folds = [other for other in _folds(contents, view) if best in rows[other][""]]
        found = found or [(contents["views"][view]["model"], row)]
        found += [(contents["views"][other]["model"], rows[other][""][best]) for other in folds]
    return found or [("", row)]


def sure(q: float) -> float:
    """-log10 of a q, as charts have it."""
    return round(-math.log10(max(q, 1e-300)), 3)


def _folds(contents: dict[str, Any], view: int) -> list[int]:
    """The views of a group's models, on what the group's view is."""
    of = contents["views"][view]
    models = contents["facts"]["groups"].get(of["model"])
    if not models:
        return []
    return [
        i
        for i, other in enumerate(contents["views"])
        if other["model"] in models and other["readout"] == of["readout"] and other["target"] == of["target"]
    ]


def _differing(contents: dict[str, Any], view: int) -> tuple[list[str], list[str]]:
    """The names of what acts on which strands differ, and on which models do."""
    acting = [row for row in contents["findings"][view] if row["significant"] and row["members"]]
    differing = {name: set(of) for name, of in contents["differing"][view].items()}
    strands, folds = (
        list(dict.fromkeys(row["factor"] for row in acting if row["members"][0] in differing[name]))
        for name in ("strands", "folds")
    )
    return strands, folds


def _said(contents: dict[str, Any], view: int, strands: list[str], folds: list[str]) -> str:
    """On what strands and models differ, of what acts."""
    acting = [row for row in contents["findings"][view] if row["significant"] and row["low"] is not None]
    n_folds = len(_folds(contents, view))
    if not acting:
        return ""
    said = []
    if contents["facts"]["strands"] == "both":
        said.append(
            f"Strands differ for {listed(strands, MOST_TOLD)}." if strands else "What acts is alike on both strands."
        )
    if n_folds > 1:
        some = f", of which {MOST_MODELS} have panels" if n_folds > MOST_MODELS else ""
        of = f"The {n_folds} models{some} differ on {listed(folds, MOST_TOLD)}."
        said.append(of if folds else f"What acts is alike in all {n_folds} models.")
    return " ".join(said)


def _points(rows: Rows) -> Rows:
    return {i: {**row, "sure": sure(row["q"])} for i, row in rows.items() if row["q"] is not None}


def _ends(contents: dict[str, Any], view: int, panels: list[Rows]) -> tuple[list[float], list[float]]:
    """Of the axes that all panels have: zero, all points, the grey range, and the level are on them."""
    every = [row for points in panels for row in points.values()]
    floor, level = contents["views"][view]["floor"] or [], contents["facts"]["level"]
    x = [0.0, *floor, *(row["effect"] for row in every)]
    y = [0.0, *([] if level is None else [sure(level)]), *(row["sure"] for row in every)]
    margin = MARGIN * (max(x) - min(x) or 1)
    return [min(x) - margin, max(x) + margin], [0.0, (1 + MARGIN) * max(y) or 1.0]


def _labels(
    contents: dict[str, Any], view: int, points: Rows, ends: tuple[list[float], list[float]], every: bool
) -> list[dict[str, Any]]:
    many = len(contents["views"]) > MOST_DRAWN
    named: Rows = {}
    for finding in contents["findings"][view]:
        wanted = (finding["significant"] or every) and finding["members"]
        best = finding["members"][0] if wanted else None
        if best in points:
            named.setdefault(best, {**points[best], "label": finding["factor"]})
    some = list(named.values())[: MANY_LABELS if many else None]
    corners = [{"effect": x, "sure": y} for x, y in zip(*ends, strict=True)]
    widths = WIDTHS[2:3] if many else WIDTHS
    return labels([*points.values(), *corners], "effect", "sure", some, widths)
