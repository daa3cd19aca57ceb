"""What the page shows of several screens, as values that JSON can hold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from ..findings import factor
from ..report.contents import matrix_of
from ..report.overview.labels import WIDTHS, labels
from ..report.overview.matrix import motif_rows
from ..report.reading.amounts import MOST_ELEMENTS, MOST_VIEWS, as_rows, rounded
from .comparing import Found
from .rows import LOWERS, RAISES, changed
from .screens import Compared
from .settings import differing
from .told import ACTS, Group, pattern

MOST_ROWS = 48_000
"""Rows of elements, of all matches and screens; of each match at least `FEWEST`."""
FEWEST = 24
MOST_GROUPS = 3000
FEWEST_GROUPS = 8
MOST_LABELS = 12
MANY = 12
"""Matches of more than which names are laid out for one width of the chart alone."""

NUMBERS = {"effect": "effect_mean", "low": "effect_ci_low", "high": "effect_ci_high", "q": "element_q"}
STATES = {RAISES: 1, LOWERS: -1, "not significant": 0, "no verdict": None, "absent": None}


class Gathered:
    """What is shown, match by match, of which the strongest elements are called by one number on all."""

    def __init__(self, compared: Compared, n_matches: int):
        n_screens = len(compared.screens)
        self.compared = compared
        self.many = n_matches > MANY
        self.most = min(MOST_ELEMENTS, max(FEWEST, MOST_ROWS // (n_screens * n_matches)))
        self.most_groups = max(FEWEST_GROUPS, MOST_GROUPS // n_matches)
        self.matches: list[dict[str, Any]] = []
        self.shown: dict[int, int] = {}
        self.settings: list[dict[str, Any]] = []

    def add(self, found: Found) -> None:
        """Keep what is shown of a match."""
        if not self.matches:
            rows = differing(self.compared, found.match)
            self.settings = [{"what": what, "each": values} for what, values in rows]
        another = np.any([changed(own) for own in found.changes], axis=0)
        columns, where = self._rows(found, another)
        match = {
            "label": found.match.label,
            "views": [" · ".join(view) for view in found.match.views],
            "answer": found.answer,
            "numbers": found.numbers,
            "units": found.match.units,
            "neutral": found.match.neutral,
            "alike": [bool(alike) for alike in found.match.alike],
            "n": len(found.table.places),
            "changed": int(another.sum()),
            "rows": columns,
            "groups": self._groups(found, found.groups[: self.most_groups]),
            "tests": [_test(found, i) for i in range(len(found.changes))],
            "labels": [self._labels(found, where, i) for i in range(1, len(found.table.own))],
        }
        self.matches.append(match)

    def contents(self) -> dict[str, Any]:
        """All that the page shows: the matches with most changes, where they are many."""
        order = sorted(range(len(self.matches)), key=lambda i: -self.matches[i]["changed"])[:MOST_VIEWS]
        return {
            "screens": [{"name": of.name, "folder": str(of.results)} for of in self.compared.screens],
            "nMatches": len(self.matches),
            "matches": [self.matches[i] for i in sorted(order)],
            "elements": self._elements(),
            "settings": self.settings,
            "level": self.compared.screens[0].config.elements.level,
        }

    def _rows(self, found: Found, another: np.ndarray) -> tuple[dict[str, Any], pd.Index]:
        """Columns of elements, and which: of another verdict, then what acts, then the rest; each by the best rank."""
        table, places = found.table, found.table.places
        ranks = np.fmin.reduce([own["rank"].to_numpy(np.float64, na_value=np.inf) for own in table.own])
        acts = np.stack([own["state"].isin(ACTS) for own in table.own]).any(axis=0)
        chosen = np.lexsort((ranks, ~acts, ~another))[: self.most]
        index = places.index[chosen]
        columns: dict[str, Any] = {
            "element": [self._number(number) for number in index],
            "strand": places["strand"].iloc[chosen].tolist(),
            "screened": table.screened[chosen].astype(int).tolist(),
        }
        for i, own in enumerate(table.own):
            rows = own.loc[index]
            columns |= {f"{name}{i}": rounded(rows[column]) for name, column in NUMBERS.items()}
            columns[f"state{i}"] = [STATES[state] for state in rows["state"]]
            columns[f"start{i}"] = rounded(rows["start"])
        for i, (own, difference) in enumerate(zip(found.changes, found.differences, strict=True), start=1):
            columns[f"change{i}"] = own[chosen].tolist()
            if difference is not None:
                rows = difference.table.reindex(index)
                named = {"difference": "difference", "from": "low", "to": "high", "dq": "q"}
                columns |= {f"{name}{i}": rounded(rows[column]) for name, column in named.items()}
                columns[f"differs{i}"] = rounded(rows["differs"])
        return columns, index

    def _groups(self, found: Found, groups: list[Group]) -> list[dict[str, Any]]:
        each = []
        for i, own in enumerate(found.table.own):
            rows = own.reindex([group.best[i] for group in groups])
            said = [group.states[i] for group in groups]
            columns = {name: rounded(rows[column]) for name, column in NUMBERS.items()}
            each.append(as_rows({**columns, "state": [STATES[state] for state in said]}))
        shown = []
        for group, *own in zip(groups, *each, strict=True):
            shown.append(
                {
                    "kind": group.kind,
                    "name": group.name,
                    "factor": factor(group.name),
                    "best": self._number(next((best for best in group.best if best >= 0), group.members[0])),
                    "n": len(group.members),
                    "own": own,
                    "where": pattern(self.compared.names, group.states) if group.acts else "acts in none",
                    "same": len(set(group.states)) == 1,
                    "acts": group.acts,
                }
            )
        return shown

    def _labels(self, found: Found, shown: pd.Index, side: int) -> list[dict[str, Any]]:
        """Names in the chart of a screen against the first: of what acts in either, what changed first."""
        a, b = (found.table.own[i]["effect_mean"].reindex(shown) for i in (0, side))
        both = a.notna() & b.notna()
        points = [{"a": x, "b": y} for x, y in zip(a[both], b[both], strict=True)]
        ends = _ends(points) if found.match.alike[side] else []
        named: dict[int, dict[str, Any]] = {}
        sides = (0, side)
        groups = [of for of in found.groups if any(of.states[i] in ACTS for i in sides)]
        for group in sorted(groups, key=lambda of: of.states[0] == of.states[side]):
            best = next((group.best[i] for i in sides if group.states[i] in ACTS), -1)
            if best in both.index and both[best]:
                named.setdefault(best, {"a": a[best], "b": b[best], "label": factor(group.name)})
        widths = WIDTHS[2:3] if self.many else WIDTHS
        placed = labels([*points, *ends], "a", "b", list(named.values())[:MOST_LABELS], widths)
        return [{**row, "x": rounded(row["x"]), "y": rounded(row["y"])} for row in placed]

    def _number(self, number: int) -> int:
        """By which an element is called on the page."""
        return self.shown.setdefault(int(number), len(self.shown))

    def _elements(self) -> list[dict[str, Any]]:
        rows = self.compared.elements.loc[list(self.shown)]
        matrices: dict[int, Any] = {}
        for screen in self.compared.screens:
            own = screen.numbers[screen.numbers.isin(rows.index)]
            for element_id, motif in motif_rows(screen.results, own.index.tolist()).iterrows():
                matrices.setdefault(int(own[element_id]), matrix_of(motif["matrix"]))
        columns = {name: rows[name].tolist() for name in ("name", "kind", "sequence", "source")}
        return as_rows({**columns, "matrix": [matrices.get(number) for number in rows.index]})


def _ends(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The ends of where both effects are equal, of points with any."""
    values = [point[name] for point in points for name in ("a", "b")]
    return [{"a": x, "b": x} for x in (min(values), max(values))] if values else []


def _test(found: Found, i: int) -> dict[str, Any]:
    """How the differences of a screen from the first are told, and how the effects of both agree."""
    agree, difference = found.agreements[i], found.differences[i]
    known = {
        name.lower(): None if math.isnan(agree[name]) else round(agree[name], 4) for name in ("Pearson", "Spearman")
    }
    told = {
        "paired": difference is not None and difference.paired,
        "controls": difference is not None and difference.among_controls,
        "level": None if difference is None else difference.level,
    }
    return {"n": agree["n"], **known, **told}
