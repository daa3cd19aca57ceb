"""Letters of sequence logos, as outlines that a page scales to the heights it needs."""

from __future__ import annotations

from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import TextPath

_COMMANDS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C", Path.CLOSEPOLY: "Z"}


def letter_outlines(letters: str = "ACGT") -> dict[str, str]:
    """SVG paths of bold letters, each filling the unit square from (0, 0) at the top left, as logomaker draws them."""
    font = FontProperties(family="DejaVu Sans", weight="bold")
    outlines = {}
    for letter in letters:
        path = TextPath((0, 0), letter, size=1, prop=font)
        (left, bottom), (right, top) = path.get_extents().get_points()
        parts = []
        for vertices, code in path.iter_segments(simplify=False, curves=True):
            points = vertices.reshape(-1, 2)[: 0 if code == Path.CLOSEPOLY else None]
            places = [f"{(x - left) / (right - left):.3f} {(top - y) / (top - bottom):.3f}" for x, y in points]
            parts.append(_COMMANDS[code] + " ".join(places))
        outlines[letter] = "".join(parts)
    return outlines
