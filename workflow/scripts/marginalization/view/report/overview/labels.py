"""Names written beside points, so that none lies on another or on a point that is named, however wide the chart is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""

HEIGHT = 320
FONT = 11
LETTER = 0.62 * FONT
"""About how wide a letter is."""
GAP = 7
"""From a point to its name."""
APART = 3
"""What is free at each end of a name."""
DOT = 3.5
"""Half the width of a point."""
MARGIN = 30
"""How far a name may reach over the axis to its left."""
WIDTHS = (260, 400, 560, 820)
"""The charts' inner widths that names are placed for; one that is wider than another takes what fits that."""


class Anchor(NamedTuple):
    """Where a name is: its text's alignment, and how far its middle is from the point."""

    align: str
    dx: float
    dy: float


ANCHORS = (
    Anchor("left", GAP, 0),
    Anchor("right", -GAP, 0),
    Anchor("center", 0, -FONT),
    Anchor("center", 0, FONT),
    Anchor("left", GAP, -FONT),
    Anchor("right", -GAP, -FONT),
    Anchor("left", GAP, FONT),
    Anchor("right", -GAP, FONT),
)


def labels(
    points: list[dict[str, Any]], x: str, y: str, named: list[dict[str, Any]], widths: tuple[int, ...] = WIDTHS
) -> list[dict[str, Any]]:
    """Where the names of some points are written, for charts of each width; those without room have none.

    Args:
        points: all that the chart has, by whose extent it is scaled; no names are laid out where there are none.
        x, y: the fields of their places.
        named: points with a `label`, the most important first.
        widths: the least of the charts' inner widths that names are placed for.

    Returns:
        For each name that has room x, y, label, align, dx, dy, and the widths from `least` to under `most`.
    """
    if not named:
        return []
    values = [np.array([point[field] for point in points]) for field in (x, y)]
    placed = []
    for least, most in zip(widths, [*widths[1:], 10**6], strict=True):
        at = [_Scale(own, size) for own, size in zip(values, (least, HEIGHT), strict=True)]
        lefts, tops = at[0](values[0]), HEIGHT - at[1](values[1])
        taken: list[Box] = []
        dots = [(at[0](point[x]), HEIGHT - at[1](point[y])) for point in named]
        for n, (point, (left, top)) in enumerate(zip(named, dots, strict=True)):
            others = taken + [_dot(*dot) for i, dot in enumerate(dots) if i != n]
            free: list[tuple[int, int, Anchor, Box]] = []
            for anchor in ANCHORS:
                box = _box(left + anchor.dx, top + anchor.dy, LETTER * len(point["label"]), anchor.align)
                inside = box[0] >= -MARGIN and box[2] <= least
                if inside and not any(_meet(box, other) for other in others):
                    over = (lefts > box[0]) & (lefts < box[2]) & (tops > box[1]) & (tops < box[3])
                    free.append((int(over.sum()), len(free), anchor, box))
            if free:  # where it hides the fewest points
                _, _, anchor, box = min(free)
                taken.append(box)
                place = {"x": point[x], "y": point[y], "label": point["label"], "least": least, "most": most}
                placed.append({**place, **anchor._asdict()})
    return placed


class _Scale:
    """From values to a chart's pixels, as Vega has them: from zero, or beyond it where there are negative values."""

    def __init__(self, values: np.ndarray, size: float):
        self.first, self.last = min(0.0, float(values.min())), max(0.0, float(values.max()))
        self.size = size

    def __call__(self, value: Any) -> Any:
        return (value - self.first) / (self.last - self.first or 1.0) * self.size


def _dot(left: float, top: float) -> Box:
    return left - DOT, top - DOT, left + DOT, top + DOT


def _box(left: float, middle: float, width: float, align: str) -> Box:
    """The left, top, right and bottom of a name."""
    start = left - {"left": 0.0, "center": width / 2, "right": width}[align]
    return start - APART, middle - 0.7 * FONT, start + width + APART, middle + 0.7 * FONT


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
