"""Screens compared: all that the page and the command line say of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .differences import Differences, differences, shared_controls
from .matching import Match
from .rows import Table, changes, read_matches, table_of
from .screens import Compared
from .told import Group, agreement_of, groups_of, in_numbers, sentence


class Found(NamedTuple):
    """What is found on one match.

    Fields:
        match: the views.
        table: of elements.
        changes: of each screen but the first what became of the first's verdicts, (elements,).
        agreements: of each screen but the first how its effects agree with the first's.
        differences: of each screen but the first from it; None where effects are in other units.
        groups: of like motifs, and of annotations by name.
        answer: what changed, in a sentence.
        numbers: of each screen but the first the same in numbers.
    """

    match: Match
    table: Table
    changes: list[np.ndarray]
    agreements: list[dict[str, float]]
    differences: list[Differences | None]
    groups: list[Group]
    answer: str
    numbers: list[str]


def compare_screens(compared: Compared, matches: list[Match]) -> Iterator[Found]:
    """What is found on each match.

    Args:
        compared: the screens.
        matches: of `match_views`.

    Raises:
        InputError: they have no place in common, or a table is damaged.
    """
    screens = compared.screens
    shared = [shared_controls(screens[0], other) for other in screens[1:]]
    for match, reads in zip(matches, read_matches(compared, matches), strict=True):
        table = table_of(compared, match, reads)
        others: list[Differences | None] = []
        for i in range(1, len(screens)):
            pair = (screens[0], screens[i]), (match.views[0], match.views[i]), (reads[0], reads[i])
            others.append(differences(*pair, table, (0, i), shared[i - 1]) if match.alike[i] else None)
        groups = groups_of(compared, match, reads, table)
        became = [changes(table.own[0]["state"], own["state"]) for own in table.own[1:]]
        agreements = [agreement_of(table, i) for i in range(1, len(screens))]
        numbers = [
            in_numbers(compared, match, table, i, *told)
            for i, told in enumerate(zip(became, agreements, others, strict=True), start=1)
        ]
        yield Found(match, table, became, agreements, others, groups, sentence(compared, groups), numbers)
