"""How the effects of elements on two models, or two targets, agree."""

from __future__ import annotations

import pandas as pd

from ..store.paths import Results
from .results import KINDS, PLACED, read_summary


def joined(results: Results, key_a: dict[str, str], key_b: dict[str, str]) -> pd.DataFrame:
    """The placed elements of two targets: effects a and b and their difference, significant_a and significant_b."""
    columns = [*PLACED, "effect_mean", "significant"]
    rows_a = read_summary(results, [*columns, "name"], **key_a, kind=KINDS).rename(columns={"effect_mean": "a"})
    rows_b = read_summary(results, columns, **key_b, kind=KINDS).rename(columns={"effect_mean": "b"})
    rows = rows_a.merge(rows_b, on=PLACED, suffixes=("_a", "_b"))
    return rows.assign(difference=rows["a"] - rows["b"])


def agreement(rows: pd.DataFrame, a: str, b: str, with_controls: bool) -> dict[str, float]:
    """Numbers by what they are; correlations are NaN where all effects are equal."""
    # Spearman's is Pearson's of the ranks; pandas' own would warn of equal effects.
    found = {
        "n": len(rows),
        "Pearson": rows["a"].corr(rows["b"]),
        "Spearman": rows["a"].rank().corr(rows["b"].rank()),
    }
    if with_controls:
        in_a, in_b = (rows[f"significant_{side}"].fillna(False) for side in "ab")
        found |= {"significant in both": (in_a & in_b).sum(), f"only {a}": (in_a & ~in_b).sum()}
        found[f"only {b}"] = (in_b & ~in_a).sum()
    return found
