"""One shard of a screen: some elements in some backgrounds, by one model, into Parquet files of effects.

Elements stream through the model and into row groups, so memory does not grow with their number. The rows of a file
are sorted by element, strand, start, target and background.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import torch
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ..config.checks import readouts_of
from ..design.elements import compared
from ..design.placement import Placed, changed_part, place, written_out
from ..design.plan import background_ranges, element_bounds
from ..errors import InputError
from ..inference.prediction import predict
from ..inference.streams import capturing_pays, stream_motifs
from ..models.loading import load_inputs
from ..models.outputs import map_tree, row_count
from ..models.readouts import PROFILE, ReadoutModel
from ..sequences.onehot import one_hot_encode
from ..statistics.scales import Scale, scale_of
from ..store.files import parquet_writer, write_group
from ..store.paths import job_labels
from ..store.reading import read_table
from ..store.schemas import BACKGROUNDS, EFFECTS, ELEMENTS, PROFILE_SUMS
from .pieces import discard, resumed
from .rows import effect_rows, profile_rows

logger = logging.getLogger(__name__)

ROW_GROUP_ROWS = 2**18
"""About how many rows a row group has in all background shards: what the merge holds of each model at a time."""


class Shard(NamedTuple):
    """What a job computes.

    Fields:
        backgrounds: rows of the backgrounds table.
        placed: the shard's elements in place, in the order of its rows.
        args: the model's further inputs, a row for each of `backgrounds`.
        targets: the names of each readout's targets.
        scales: of each readout's effects.
        group: placements in a row group, the same in every background shard, so that the merge can align them; where
            it is one, a row group may hold some of its targets alone.
        n_backgrounds: of the whole screen.
    """

    backgrounds: pd.DataFrame
    placed: list[Placed]
    args: list[torch.Tensor]
    targets: dict[str, list[str]]
    scales: dict[str, Scale]
    group: int
    n_backgrounds: int


def read_shard(config: dict[str, Any], model: str, job: str, paths: Any, controls: bool = True) -> Shard:
    """Read what a job computes.

    Args:
        config: as resolved.
        model: its name.
        job: the job's name.
        paths: with the attributes `probe`, `elements` and `backgrounds`: the files to read.
        controls: whether to place the controls among the elements too.
    """
    elements_label, backgrounds_label = job_labels(job)
    probe = json.loads(Path(paths.probe).read_text())
    targets = probe["targets"]
    backgrounds = read_table(paths.backgrounds, BACKGROUNDS)
    largest = config["shards"]["backgrounds"]
    first, end = background_ranges(len(backgrounds), largest)[backgrounds_label]
    low, high = element_bounds(elements_label)
    rows = "element_id", lambda ids: pc.and_(pc.greater_equal(ids, low), pc.less_equal(ids, high))
    elements = read_table(paths.elements, ELEMENTS, rows=rows)
    length = config["backgrounds"]["length"]
    widest = read_table(paths.elements, ELEMENTS, columns=["width"])["width"].max()
    placement = written_out(config["placement"], length - int(widest))
    elements = elements if controls else compared(elements)
    # What the merge holds: a placement's rows in all background shards, or its profiles.
    widths = [len(names) * len(backgrounds) for names in targets.values()]
    widths += [len(targets[readout]) * positions for readout, positions in probe["profile_length"].items()]
    return Shard(
        backgrounds=backgrounds.iloc[first:end],
        placed=list(place(elements, placement, length)),
        args=[arg[first:end] for arg in load_inputs(config["models"][model], model, len(backgrounds))],
        targets=targets,
        scales={name: scale_of(readout) for name, readout in readouts_of(config).items()},
        group=max(1, ROW_GROUP_ROWS // max(widths)),
        n_backgrounds=len(backgrounds),
    )


def run_shard(
    model: ReadoutModel,
    shard: Shard,
    compute: dict[str, Any],
    device: torch.device,
    paths: dict[str, str],
    pieces: Path,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Compute a shard and write its files.

    Args:
        model: a model with its readouts.
        shard: what to compute.
        compute: the section of the config.
        device: where.
        paths: the file to write for each key of the model's output: a readout, or a readout and `/profile`.
        pieces: a folder for what is computed while the shard is unfinished; removed when it is.
        facts: for the metadata of the files.

    Returns:
        How it went, for the job's record: the `marginals` that this attempt computed, the `model_seconds` that the
        model took for them, `marginals_per_second` of that time (None when earlier attempts had computed all), and the
        `seconds` of the whole attempt.

    Raises:
        InputError: a readout is NaN or infinite, or outside the domain of its scale; the message names the background
            and the element.
        StoppedError: the process was told to stop; the next attempt goes on from the pieces.
    """
    begin = time.monotonic()
    clock = Clock()
    X = one_hot_encode(list(shard.backgrounds["sequence"]))
    options = {"args": shard.args, "batch_size": compute["batch_size"], "dtype": compute["dtype"], "device": device}
    before = _reduce(map_tree(lambda y: y.unsqueeze(0), predict(model, X, **options)), shard, [None])
    # By the whole shard, so that an attempt that goes on computes in the same way as one that began.
    options["incremental"] = capturing_pays(model, X, len(shard.placed), compute["dtype"])
    options["precision"] = compute["precision"]

    with ExitStack() as stack:
        stack.enter_context(logging_redirect_tqdm())
        schemas = {key: PROFILE_SUMS if key.endswith(PROFILE) else EFFECTS for key in paths}
        writers = {
            key: stack.enter_context(
                parquet_writer(
                    path,
                    schemas[key],
                    {**facts, "readout": key.removesuffix(PROFILE), **_counts(shard, key)},
                )
            )
            for key, path in paths.items()
        }
        progress = stack.enter_context(
            tqdm(total=len(shard.placed) * len(X), unit="marginal", file=sys.stderr, mininterval=10, ncols=100)
        )

        def compute_from(done: int) -> Iterator[dict[str, torch.Tensor]]:
            progress.update(done * len(X))
            stream = clock.timed(stream_motifs(model, X, map(changed_part, shard.placed[done:]), **options))
            yield from _reduced(stream, shard, done, progress)

        done = 0
        for after in regroup(resumed(pieces, compute_from), shard.group):
            placed = shard.placed[done : done + row_count(after)]
            for key, writer in writers.items():
                for targets in _target_blocks(shard, key, after[key]):
                    write_group(writer, _rows(before[key], after[key], placed, shard, key, targets))
            done += len(placed)
    discard(pieces)
    seconds, marginals = time.monotonic() - begin, clock.rows * len(X)
    rate = marginals / clock.seconds if marginals else None
    logger.info(
        "%d marginals by %s on %s: %.1f s in the model, %.0f marginals per second; %.1f s in all",
        *(marginals, facts["model"], device, clock.seconds, rate or 0, seconds),
    )
    return {
        "marginals": marginals,
        "model_seconds": clock.seconds,
        "marginals_per_second": rate,
        "seconds": seconds,
    }


class Clock:
    """The time that an iterator takes to give what it gives, and how many rows that is."""

    def __init__(self):
        self.seconds, self.rows = 0.0, 0

    def timed(self, stream: Iterator[dict[str, torch.Tensor]]) -> Iterator[dict[str, torch.Tensor]]:
        while True:
            begin = time.monotonic()
            y = next(stream, None)
            self.seconds += time.monotonic() - begin
            if y is None:
                return
            self.rows += row_count(y)
            yield y


def _reduced(
    stream: Iterator[dict[str, torch.Tensor]], shard: Shard, done: int, progress: tqdm
) -> Iterator[dict[str, torch.Tensor]]:
    """Each group of the stream of placements from `done` on, checked and reduced to what is written of it."""
    for after in stream:
        n = row_count(after)
        yield _reduce(after, shard, shard.placed[done : done + n])
        done += n
        progress.update(n * len(shard.backgrounds))


def _reduce(y: dict[str, torch.Tensor], shard: Shard, placed: list[Placed | None]) -> dict[str, torch.Tensor]:
    """The same but for profiles, (placements, backgrounds, strands, positions), summed over backgrounds in float64."""
    for key, value in y.items():
        _check_finite(value, key, shard, placed)
        if not key.endswith(PROFILE):
            _check_domain(value, key, shard, placed)
    return {key: value.double().sum(dim=1) if key.endswith(PROFILE) else value for key, value in y.items()}


def regroup(stream: Iterator[dict[str, torch.Tensor]], size: int) -> Iterator[dict[str, torch.Tensor]]:
    """The same rows in groups of exactly `size`, but for the last."""
    parts: list[dict[str, torch.Tensor]] = []
    held = 0
    for y in stream:
        parts.append(y)
        held += row_count(y)
        if held >= size:
            whole = {key: torch.cat([part[key] for part in parts]) for key in y}
            for first in range(0, held - held % size, size):
                yield {key: value[first : first + size] for key, value in whole.items()}
            parts = [{key: value[held - held % size :] for key, value in whole.items()}]
            held %= size
    if held:
        yield {key: torch.cat([part[key] for part in parts]) for key in parts[0]}


def _counts(shard: Shard, key: str) -> dict[str, int]:
    """What a file holds, by which the merge knows that it is whole: its rows, and the effects that they are made of."""
    n = len(shard.placed) * len(shard.targets[key.removesuffix(PROFILE)])
    effects = n * len(shard.backgrounds)
    rows = n if key.endswith(PROFILE) else effects
    return {"n_backgrounds": len(shard.backgrounds), "rows": rows, "effects": effects}


def _target_blocks(shard: Shard, key: str, after: torch.Tensor) -> list[np.ndarray]:
    """Where the targets of each row group of a group of placements are among a readout's: all, sorted by name, in one
    row group, unless those of a single placement are too many for it.
    """
    order = np.argsort(np.array(shard.targets[key.removesuffix(PROFILE)], dtype=object), kind="stable")
    at_once = max(1, ROW_GROUP_ROWS // (after.shape[-1] if key.endswith(PROFILE) else shard.n_backgrounds))
    return [order[first : first + at_once] for first in range(0, len(order), at_once)]


def _rows(
    before: torch.Tensor, after: torch.Tensor, placed: list[Placed], shard: Shard, key: str, order: np.ndarray
) -> pa.Table:
    """The rows of a row group."""
    targets = shard.targets[key.removesuffix(PROFILE)]
    if key.endswith(PROFILE):
        return profile_rows(before, after, placed, targets, order)
    ids = shard.backgrounds["background_id"].to_numpy()
    return effect_rows(before, after, placed, targets, order, ids, shard.scales[key])


def _check_finite(y: torch.Tensor, key: str, shard: Shard, placed: list[Placed | None]) -> None:
    """Raise for the first of (placements, backgrounds, ...) that is NaN or infinite."""
    bad = ~torch.isfinite(y).flatten(2).all(dim=-1)
    if bad.any():
        i, j = (int(x) for x in bad.nonzero()[0])
        raise not_finite(f"readout {key}", y[i, j], shard.backgrounds.iloc[j], placed[i])


def _check_domain(y: torch.Tensor, key: str, shard: Shard, placed: list[Placed | None]) -> None:
    """Raise for the first of (placements, backgrounds, targets) for which the readout's scale has no meaning."""
    scale = shard.scales[key]
    if scale.name == "difference":
        return
    low, high = scale.domain
    # Both as effects are computed here, and as the merge reads predictions, which are written in float32.
    bad = torch.stack([~((low < x) & (x < high)) for x in (y.double(), y.float().double())]).any(dim=0)
    if bad.any():
        i, j, t = (int(x) for x in bad.nonzero()[0])
        raise InputError(
            f"readout {key} is {y[i, j, t].item()} for {_where(shard.backgrounds.iloc[j], placed[i])}, but its effect "
            f"{scale.name} needs {scale.needs}"
        )


def not_finite(what: str, y: torch.Tensor, background: pd.Series, placed: Placed | None) -> InputError:
    """The error for values of which one is NaN or infinite, in a background as it is or with an element in it."""
    return InputError(
        f"{what} is {y[~torch.isfinite(y)][0].item()} for {_where(background, placed)}; mend the model or its inputs, "
        f"or leave that background out"
    )


def _where(background: pd.Series, placed: Placed | None) -> str:
    """A background and what is in it, in words."""
    where = "as it is" if placed is None else f"with element {placed.element_id} ({placed.sequence})"
    return f"background {background['background_id']} ({background['name']}) {where}"
