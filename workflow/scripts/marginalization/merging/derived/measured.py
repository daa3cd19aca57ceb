"""Effects against what a lab measured of the same elements: correlations, their intervals, and a calibration curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import scipy

from ...config.sections import Measured
from ...design.elements import measured_elements
from ...sequences.letters import named_generator
from ...store.other_schemas import MEASURED
from ...store.reading import read_table
from ...store.schemas import SUMMARY

RESAMPLES = 1000
"""Of measurements, with replacement: the bootstrap's."""

NUMBERS = 2**22
"""About how many are drawn at a time, so that memory does not grow with the measurements."""

BINS = 10
"""Of equally many measurements, by their effects."""

FEWEST = 3
"""Measurements of which a correlation means something."""


def compare_with_measured(
    specs: Sequence[Measured],
    summary: str,
    elements: pd.DataFrame,
    motifs: pd.DataFrame,
    annotations: pd.DataFrame,
    seed: int,
) -> pd.DataFrame:
    """The rows of measured.parquet, in the order of the config, and then of the summary.

    A measurement is compared with the mean effect over strands and starts, and over the elements of its name.

    Args:
        specs: the section `measured` of the config.
        summary: path of the summary.
        elements, motifs, annotations: as `measured_elements` takes them.
        seed: the screen's.
    """
    tables = []
    for spec in specs:
        measured = measured_elements(spec, elements, motifs, annotations)
        ids = pa.array(measured["element_id"].to_numpy(dtype=object))
        wanted = "element_id", lambda column, ids=ids: pc.is_in(column, ids)
        keys = ["model", "readout", "target"]
        rows = read_table(summary, SUMMARY, [*keys, "element_id", "effect_mean"], wanted)
        means = rows.groupby([*keys, "element_id"], sort=False, observed=True)["effect_mean"].mean().reset_index()
        for key, of_key in means.groupby(keys, sort=False, observed=True):
            of_each = of_key.merge(measured, on="element_id").groupby("of")[["effect_mean", "measured"]].mean()
            rng = named_generator(seed, "measured", spec.file, spec.column)
            found = calibration(of_each["effect_mean"].to_numpy(), of_each["measured"].to_numpy(), rng)
            tables.append({"file": spec.file, "column": spec.column, **dict(zip(keys, key, strict=True)), **found})
    return pd.DataFrame(tables, columns=MEASURED.names)


def calibration(effect: np.ndarray, measured: np.ndarray, rng: np.random.Generator) -> dict[str, object]:
    """How far effects tell what was measured.

    Args:
        effect, measured: float64 (measurements,).
        rng: for the bootstrap.

    Returns:
        `n_measured`; `pearson` and `spearman`, each with the ends of its 95 % interval, the percentiles of correlations
        of `RESAMPLES` resamples (Efron, Ann. Stat. 7:1, 1979); `slope` and `intercept` of the straight line of least
        squares from effect to measured; and the calibration curve: of up to `BINS` bins of equally many measurements by
        effect `bin_n`, and the means `bin_effect` and `bin_measured`. Correlations and the line are NaN of fewer than
        `FEWEST` measurements, and where all effects or all measurements are equal.
    """
    n = len(effect)
    order = np.argsort(effect, kind="stable")
    bins = [of_bin for of_bin in np.array_split(order, min(BINS, n)) if len(of_bin)]
    found: dict[str, object] = {
        "n_measured": n,
        "bin_n": [len(of_bin) for of_bin in bins],
        "bin_effect": [float(effect[of_bin].mean()) for of_bin in bins],
        "bin_measured": [float(measured[of_bin].mean()) for of_bin in bins],
    }
    pairs = {"pearson": (effect, measured), "spearman": tuple(map(scipy.stats.rankdata, (effect, measured)))}
    resampled: dict[str, list[np.ndarray]] = {name: [] for name in pairs}
    at_once = max(1, NUMBERS // n)
    for first in range(0, RESAMPLES, at_once):
        drawn = rng.integers(n, size=(min(at_once, RESAMPLES - first), n))
        x, y = effect[drawn], measured[drawn]
        resampled["pearson"].append(_correlations(x, y))
        resampled["spearman"].append(_correlations(scipy.stats.rankdata(x, axis=1), scipy.stats.rankdata(y, axis=1)))
    for name, (x, y) in pairs.items():
        some = np.concatenate(resampled[name])
        known = some[~np.isnan(some)] if n >= FEWEST else np.array([])
        low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
        found[name] = float(_correlations(x[None], y[None])[0]) if n >= FEWEST else np.nan
        found |= {f"{name}_ci_low": low, f"{name}_ci_high": high}
    spread = effect.std()
    slope = found["pearson"] * measured.std() / spread if spread > 0 else np.nan
    return found | {"slope": slope, "intercept": measured.mean() - slope * effect.mean()}


def _correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of each row of x with that of y; NaN where either has no spread."""
    x, y = (values - values.mean(axis=1, keepdims=True) for values in (x, y))
    with np.errstate(invalid="ignore", divide="ignore"):
        return (x * y).sum(axis=1) / np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
