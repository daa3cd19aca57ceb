"""What changed, as a person would say it: of clusters of like motifs and names of annotations, and in numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from ..comparison import agreement
from ..findings import factor, findings
from ..quantities import listed, number
from .differences import Differences
from .matching import Match
from .rows import (
    ABSENT,
    FLIPPED,
    GAINED,
    LOST,
    LOWERS,
    NOT_COMPARABLE,
    RAISES,
    UNJUDGED,
    Read,
    Table,
    changed,
    elements_of,
)
from .screens import Compared, Screen

MOST_NAMED = 8
"""Groups that a sentence names of those of which it says the same."""

ACTS = (RAISES, LOWERS)
Key = tuple[str, str]
"""A kind, and what a group is known by."""
NUMERALS = {2: "both", 3: "all three", 4: "all four"}


class Group(NamedTuple):
    """A cluster of like motifs, or the annotations of a name.

    Fields:
        kind: motif or annotation.
        name: that of its best member in the first screen that it acts in, or else that has it.
        members: the numbers of its elements.
        best: of each screen the number of its best member there, -1 where it has none.
        states: of each screen, such as `rows.RAISES`.
    """

    kind: str
    name: str
    members: list[int]
    best: list[int]
    states: list[str]

    @property
    def acts(self) -> bool:
        """In any screen."""
        return any(state in ACTS for state in self.states)


def groups_of(compared: Compared, match: Match, reads: list[Read], table: Table) -> list[Group]:
    """The groups of any screen: those that act in any first, by their best rank.

    A cluster of a later screen is that of an earlier one where they share an element, that of its best member; else
    where their best motifs have the same name.
    """
    members: dict[Key, dict[int, None]] = {}
    called: list[dict[Key, str]] = []
    at: dict[int, Key] = {}
    for i, (screen, read, neutral) in enumerate(zip(compared.screens, reads, match.neutral, strict=True)):
        names: dict[Key, str] = {}
        for kind, name, numbers in _found(screen, read, neutral):
            known = next((at[own] for own in numbers if own in at), None) if kind == "motif" else None
            key = known or (kind, name if kind == "annotation" else factor(name))
            if not known and key in names:  # one name for two clusters of one screen
                key = (kind, f"{key[1]} {i} {len(names)}")
            names.setdefault(key, name)
            new = [own for own in numbers if kind == "annotation" or own not in at]
            members.setdefault(key, {}).update(dict.fromkeys(new))
            if kind == "motif":
                at.update(dict.fromkeys(new, key))
        called.append(names)
    found = _groups({key: list(own) for key, own in members.items() if own}, called, table)
    ranks = _ranks(table)
    best = [min(ranks.get(number, np.inf) for number in group.members) for group in found]
    order = sorted(range(len(found)), key=lambda i: (not found[i].acts, best[i]))
    return [found[i] for i in order]


def _found(screen: Screen, read: Read, neutral: float) -> list[tuple[str, str, list[int]]]:
    """The kind and name of a screen's findings, and the numbers of their members."""
    rows = elements_of(read, screen)
    own = findings(rows[rows["element_id"].isin(screen.sites["element_id"])], read.clusters, screen.sites, neutral)
    ends = np.cumsum([len(ids) for ids in own["members"]])
    every = screen.numbers.reindex([of for ids in own["members"] for of in ids]).fillna(-1).astype(int).tolist()
    numbers = [
        [of for of in every[end - len(ids) : end] if of >= 0] for ids, end in zip(own["members"], ends, strict=True)
    ]
    return list(zip(own["kind"], own["name"], numbers, strict=True))


def _ranks(table: Table) -> dict[int, float]:
    """The best rank of each element in any screen."""
    ranks = np.fmin.reduce([own["rank"].to_numpy(np.float64, na_value=np.nan) for own in table.own])
    return dict(zip(table.places.index, ranks, strict=True))


def _groups(members: dict[Key, list[int]], called: list[dict[Key, str]], table: Table) -> list[Group]:
    """The groups of members, in their order."""
    code = np.repeat(np.arange(len(members)), [len(own) for own in members.values()])
    numbers = np.array([number for own in members.values() for number in own], dtype=int)
    at = table.places.index.get_indexer(numbers)
    best, states = [], []
    for own in table.own:
        there = (at >= 0) & own["effect_mean"].notna().to_numpy()[at]
        state = own["state"].to_numpy(object)[at]
        q, rank = (own[name].to_numpy(np.float64, na_value=np.inf)[at] for name in ("element_q", "rank"))
        order = np.lexsort((rank, np.nan_to_num(q, nan=np.inf), ~np.isin(state, ACTS), ~there, code))
        firsts = order[np.searchsorted(code[order], np.arange(len(members)))]
        best.append(np.where(there[firsts], numbers[firsts], -1).tolist())
        states.append(np.where(there[firsts], state[firsts], ABSENT).tolist())
    found = []
    for i, ((kind, own_key), own) in enumerate(members.items()):
        names = [of.get((kind, own_key)) for of in called]
        acting_in = [name for name, of in zip(names, states, strict=True) if name and of[i] in ACTS]
        name = (acting_in or [name for name in names if name])[0]
        found.append(Group(kind, name, own, [of[i] for of in best], [of[i] for of in states]))
    return found


def sentence(compared: Compared, groups: list[Group]) -> str:
    """Such as "CTCF, REST: in both. GATA1: in A alone. NRF1: raises in A, lowers in B."."""
    names = compared.names
    without = [screen.name for screen in compared.screens if screen.config.elements.level is None]
    if without:
        return f"No verdicts to compare: {_joined(without)} {'has' if len(without) == 1 else 'have'} no controls."
    parts, acting = [], [group for group in groups if group.acts]
    if acting and all(len(set(group.states)) == 1 for group in acting):
        parts.append("Nothing changed.")
    for kind, what in (("motif", "motif"), ("annotation", "name of annotations")):
        own = [group for group in acting if group.kind == kind]
        if not own and any(group.kind == kind for group in groups):
            parts.append(f"No {what} acts in {'either' if len(names) == 2 else 'any'}.")
        said: dict[str, list[str]] = {}
        # What is the same first, then what turned, and what is in some alone.
        for group in sorted(own, key=lambda group: (len(set(group.states)) > 1, not set(group.states) <= {*ACTS})):
            said.setdefault(pattern(names, group.states), []).append(factor(group.name))
        prefix = "Of annotations " if kind == "annotation" and own else ""
        told = [f"{listed(list(dict.fromkeys(of)), MOST_NAMED)}: {where}." for where, of in said.items()]
        parts += [prefix + " ".join(told)] if own else []
    return " ".join(parts) or "Nothing but pairs and arrangements was screened."


def pattern(names: list[str], states: list[str]) -> str:
    """In which screens something acts, such as "in A alone"; of states at least one acts."""
    where = {state: [name for name, own in zip(names, states, strict=True) if own == state] for state in states}
    acting = [name for name, state in zip(names, states, strict=True) if state in ACTS]
    if RAISES in where and LOWERS in where:
        said = f"raises in {_joined(where[RAISES])}, lowers in {_joined(where[LOWERS])}"
    elif len(acting) == len(names):
        return f"in {NUMERALS.get(len(names), 'all')}"
    else:
        said = f"in {_joined(acting)}"
    rest = [state for state in where if state not in (*ACTS, ABSENT, UNJUDGED)]
    if rest and len(acting) == 1 and len(where) == 2:
        return f"{said} alone"
    said += f", not in {_joined(where[rest[0]])}" if rest else ""
    said += f", without a verdict in {_joined(where[UNJUDGED])}" if UNJUDGED in where else ""
    return said + (f", not screened in {_joined(where[ABSENT])}" if ABSENT in where else "")


def _joined(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def agreement_of(table: Table, side: int) -> dict[str, float]:
    """How the effects of a screen of a table agree with those of the first, over what both have, by `agreement`."""
    rows = pd.DataFrame({name: table.own[i]["effect_mean"] for name, i in (("a", 0), ("b", side))})
    return agreement(rows.dropna(), "a", "b", with_controls=False)


def in_numbers(
    compared: Compared,
    match: Match,
    table: Table,
    side: int,
    changes: np.ndarray,
    agree: dict[str, float],
    found: Differences | None,
) -> str:
    """What changed between the first screen and another, counted, in a sentence or three.

    Args:
        compared, match, table: what is compared.
        side: which of the screens is the other.
        changes: `rows.changes` of it.
        agree: `agreement_of` it.
        found: how far its effects differ.
    """
    a, b = compared.names[0], compared.names[side]
    became = pd.Series(changes, index=table.places.index)
    judged, counts = int((became != NOT_COMPARABLE).sum()), became.value_counts()
    parts = []
    if judged:
        kinds = [f"{counts[kind]:,} {kind}" for kind in (GAINED, LOST, FLIPPED) if kind in counts]
        n = int(changed(changes).sum())
        few = f"{n:,}" if n else "none"
        told = f"{few} of {judged:,} elements {'have' if n > 1 else 'has'} another verdict in {b} than in {a}"
        parts.append(told + (f" ({', '.join(kinds)})" if n else ""))
    if found is not None and found.table["differs"].notna().any():
        differs = found.table["differs"].fillna(False).astype(bool)
        how = "more than their shuffles do" if found.among_controls else "over backgrounds"
        own = changed(became.reindex(differs.index))
        n, among = int(differs.sum()), int((differs & own).sum())
        which = (
            f"of {among:,} of these, and of {n - among:,} others," if changed(changes).any() else f"of {n or 'none'}"
        )
        parts.append(f"the effects {which} differ {how} (q < {found.level:g})")
    said = "; ".join(parts)
    if np.isfinite(agree["Spearman"]):
        of_effects = f"{number(agree['Pearson'])}, their ranks {number(agree['Spearman'])}"
        which = (
            of_effects if match.alike[side] else f"{number(agree['Spearman'])} in their ranks; their units are others"
        )
        said += f"{'. Effects' if said else 'Effects'} correlate by {which}"
    return f"{said[:1].upper()}{said[1:]}.{_alone(compared, table, side)}"


def _alone(compared: Compared, table: Table, side: int) -> str:
    """What one of two screens has, and the other has not."""
    has = table.screened[:, [0, side]]
    alone = [compared.elements["name"].loc[table.places.index[has[:, i] & ~has[:, 1 - i]]] for i in (0, 1)]
    parts = [
        f"{len(own):,} {'sequence is' if len(own) == 1 else 'sequences are'} in {name} alone"
        for own, name in zip(alone, (compared.names[0], compared.names[side]), strict=True)
        if len(own)
    ]
    n = len(set(alone[0]) & set(alone[1]))
    named = f", of which {n:,} {'has' if n == 1 else 'have'} the same name in both, but other letters" if n else ""
    return f" {_joined(parts)}{named}." if parts else ""
