"""The merge of ablations: what is lost with each instance, and over the instances of a name.

The effect of an instance is the mean over its replacements; so is that of each of the stretches elsewhere in its locus.
Over the instances of a name the first is compared with the second by `statistics.permutation`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from tqdm import tqdm

from ..config.sections import Readout
from ..config.sections.substitutions import Controls
from ..statistics.nulls import MIDDLE, benjamini_hochberg
from ..statistics.permutation import permutation_p
from ..statistics.scales import Scale, effect
from ..statistics.summary import spread
from ..store.files import parquet_writer
from ..store.other_schemas import ABLATION_OUTPUTS, ABLATIONS, ABLATIONS_SUMMARY
from .parts import Screened, open_part, read_column, row_groups, target_alone, write_rows


def merge_ablations(
    screened: Sequence[Screened],
    instances: pd.DataFrame,
    n_stretches: int,
    controls: Controls,
    readouts: dict[str, Readout],
    paths: Sequence[str],
    facts: dict[str, Any],
) -> None:
    """Write the effects of instances, and those of their names.

    Args:
        screened: sorted by model and readout; a part's `first` and `n` are rows of `instances`.
        instances: sorted by instance_id.
        n_stretches: how many stretches of a locus are replaced, the instance first.
        controls: the section of the config, whose level and effect_floor a name must pass to be significant.
        readouts: their sections of the config by name, for the scales of effects.
        paths: of the two tables.
        facts: for their metadata.

    Raises:
        InputError: a file of a shard is missing, damaged, or not of this screen.
    """
    with parquet_writer(paths[0], ABLATIONS, facts) as each, parquet_writer(paths[1], ABLATIONS_SUMMARY, facts) as over:
        for item in tqdm(screened, unit="readout", ncols=100):
            scale = readouts[item.readout].scale
            for t, target in enumerate(item.targets):
                before, effects = np.empty(len(instances)), np.empty((len(instances), n_stretches))
                for first, y_before, y_after in _outputs(item, t):
                    rows = slice(first, first + len(y_before))
                    x = effect(y_before[:, None], y_after, scale).reshape(len(y_before), n_stretches, -1)
                    before[rows], effects[rows] = y_before, x.mean(axis=2)
                    n_replaced = x.shape[2]
                    columns = {
                        "before": y_before,
                        "after_mean": y_after[:, :n_replaced].mean(axis=1),
                        "effect_std": x[:, 0].std(axis=1, ddof=1) if n_replaced > 1 else np.nan,
                    }
                    table = instances.iloc[rows].assign(**columns, **of_instances(effects[rows], scale))
                    write_rows(each, item, target, table)
                write_rows(over, item, target, of_names(instances["name"], before, effects, controls, scale.neutral))


def _outputs(item: Screened, t: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """The first of some instances, and a readout's target before (instances,) and after (instances, constructs)."""
    n_targets = len(item.targets)
    for part in item.parts:
        paths = [path for of_model in part.paths for path in of_model]
        files = [(open_part(path, part.n * n_targets, ABLATION_OUTPUTS), path) for path in paths]
        for group, first, _ in target_alone(row_groups(files, ABLATION_OUTPUTS), t, n_targets):
            # The models of a group are averaged before any effect is taken.
            before, after = (
                np.mean([_column(*of, group, name) for of in files], axis=0) for name in ("before", "after")
            )
            yield part.first + first, before, after


def _column(file: pq.ParquetFile, path: str, group: int, name: str) -> np.ndarray:
    """A column of a row group in float64, (rows,), or (rows, constructs) of lists."""
    column = read_column(file, path, group, name).combine_chunks()
    values = column.values.to_numpy().reshape(len(column), -1) if name == "after" else column.to_numpy()
    return values.astype(np.float64)


def of_instances(effects: np.ndarray, scale: Scale) -> dict[str, np.ndarray]:
    """What there is to say of each instance.

    Args:
        effects: float64 (instances, 1 + elsewhere), means over replacements, of the instance and of each other stretch.
        scale: of the effects.

    Returns:
        Arrays (instances,): `effect_mean`; `elsewhere_mean` and `elsewhere_std` (ddof 1) over the other stretches; and
        `elsewhere_p`, the share of all, the instance among them, whose effect is at least as far from none.
    """
    elsewhere, sizes = effects[:, 1:], np.abs(effects - scale.neutral)
    return {
        "effect_mean": effects[:, 0],
        "elsewhere_mean": elsewhere.mean(axis=1),
        "elsewhere_std": elsewhere.std(axis=1, ddof=1),
        "elsewhere_p": (sizes >= sizes[:, :1]).mean(axis=1),
    }


def of_names(
    names: pd.Series, before: np.ndarray, effects: np.ndarray, controls: Controls, neutral: float = 0.0
) -> pd.DataFrame:
    """What there is to say of the instances of each name together.

    Args:
        names: of the instances.
        before: float64 (instances,), the predictions for the loci as they are.
        effects: as for `of_instances`.
        controls: as for `merge_ablations`.
        neutral: the effect of what changes nothing.

    Returns:
        A row for each name, sorted: `n_instances`; means over these of before, of the effect (and its `effect_std`,
        ddof 1) and of those of stretches elsewhere; the `difference` of the last two with its 95 % interval by
        Student's t; `elsewhere_low` and `elsewhere_high`, the `MIDDLE` of the effects of single stretches elsewhere;
        `beyond_floor`, whether the mean effect is outside of these, or farther from none than the `effect_floor`;
        `fraction_beyond`, the share of instances that do more than every other stretch of their locus, in the direction
        of the difference; `p_value` of the difference, its `q_value` (Benjamini-Hochberg over names), and whether the
        name is `significant`: q under the level, beyond the floor, and no zero in the interval, so that a single
        instance among many does not stand for its name.
    """
    rows = []
    for name, of_name in names.groupby(names.to_numpy(), sort=True).indices.items():
        x = effects[of_name]
        elsewhere = x[:, 1:].mean(axis=1)
        mean, std = (values[0] for values in spread(x[None, :, 0])[:2])
        difference, _, _, low, high = (values[0] for values in spread((x[:, 0] - elsewhere)[None]))
        turned = x * (1 if difference > 0 else -1)
        bottom, top = np.quantile(x[:, 1:], MIDDLE)
        beyond = (
            not bottom <= mean <= top if controls.effect_floor is None else abs(mean - neutral) > controls.effect_floor
        )
        rows.append(
            {
                "name": name,
                "n_instances": len(x),
                "before_mean": before[of_name].mean(),
                "effect_mean": mean,
                "effect_std": std,
                "elsewhere_mean": elsewhere.mean(),
                "difference": difference,
                "difference_ci_low": low,
                "difference_ci_high": high,
                "elsewhere_low": bottom,
                "elsewhere_high": top,
                "beyond_floor": beyond,
                "fraction_beyond": (turned[:, 0] > turned[:, 1:].max(axis=1)).mean(),
                "p_value": permutation_p(x),
            }
        )
    table = pd.DataFrame(rows)
    q = benjamini_hochberg(table["p_value"].to_numpy())
    spans = (table["difference_ci_low"] <= 0) & (table["difference_ci_high"] >= 0)
    return table.assign(q_value=q, significant=(q < controls.level) & table["beyond_floor"] & ~spans)
