"""Effects, by one model: those of one shard, and its sums of profiles.

The rows of a file are sorted by element, strand, start, target and, of effects, background.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..config.checks import readouts_of
from ..config.sections import Config
from ..config.targets import target_count
from ..design.placement import Placed, changed_part, distinct_placements
from ..errors import InputError
from ..inference.session import LOOK_AHEAD, session
from ..models.readouts import Key, Profile, ReadoutModel
from ..sequences.constructs import place_motif
from ..sequences.letters import DNA
from ..sequences.onehot import one_hot_encode
from ..statistics.scales import Scale, effect
from ..statistics.summary import summarize_models
from ..store.schemas import EFFECTS, PROFILE_SUMS, STATISTICS, STATISTICS_OF_EFFECTS
from .running import Outputs
from .shard import RowGroups, Shard, Sink, check_finite, list_column, meaningless, run_shard, where

logger = logging.getLogger(__name__)

ROW_GROUP_ROWS = 2**18
"""About how many rows a row group has in all background shards: what the merge holds of each model at a time."""


@dataclass(frozen=True, eq=False)
class Effects(Sink):
    """A readout before and after, (placements, backgrounds, targets), and its effects on a scale."""

    schema, what = EFFECTS, "readout"
    scale: Scale

    @property
    def rows_each(self) -> int:
        return len(self.shard.backgrounds)

    @property
    def width(self) -> int:
        """What the merge holds for each target of a placement: its rows in all background shards."""
        return self.shard.n_backgrounds

    def reduce(self, y: torch.Tensor, placed: Sequence[Placed | None]) -> torch.Tensor:
        check_finite(str(self), y.flatten(0, 1), self.shard, placed)
        self._check_domain(y, placed)
        return y

    def rows(self, before: torch.Tensor, after: torch.Tensor, placed: list[Placed]) -> RowGroups:
        ids = self.shard.backgrounds["background_id"].to_numpy()
        for order in self.blocks(ROW_GROUP_ROWS // self.width):
            after64 = after[..., order].double().numpy().transpose(0, 2, 1)
            before64 = np.broadcast_to(before[..., order].double().numpy().transpose(0, 2, 1), after64.shape)
            columns = {"before": before64, "after": after64, "effect": effect(before64, after64, self.scale)}
            columns = {name: values.ravel().astype(np.float32) for name, values in columns.items()}
            yield order, {"background_id": np.tile(ids, len(placed) * len(order)), **columns}

    def _check_domain(self, y: torch.Tensor, placed: Sequence[Placed | None]) -> None:
        """Raise for the first of (placements, backgrounds, targets) for which the scale has no meaning."""
        if self.scale.name == "difference":
            return
        if (bad := meaningless(y, self.scale)).any():
            i, j, t = (int(x) for x in bad.nonzero()[0])
            raise InputError(
                f"{self} is {y[i, j, t].item()} for {where(self.shard.backgrounds.iloc[j], placed[i])}, but its effect "
                f"{self.scale.name} needs {self.scale.needs}"
            )


class Statistics(Effects):
    """The same, but of its effects the statistics over backgrounds alone, as the merge of effects has them."""

    schema = STATISTICS_OF_EFFECTS

    @property
    def rows_each(self) -> int:
        return 1

    def rows(self, before: torch.Tensor, after: torch.Tensor, placed: list[Placed]) -> RowGroups:
        for order in self.blocks(ROW_GROUP_ROWS // self.width):
            # In float32 first, as the merge reads effects/.
            y0, y = (values[..., order].float().double().numpy().transpose(0, 2, 1) for values in (before, after))
            of_model = 1, -1, y.shape[2]
            y0 = np.broadcast_to(y0, y.shape)
            found = summarize_models(y0.reshape(of_model), y.reshape(of_model), self.scale)
            yield order, {name: found[name] for name in STATISTICS}


@dataclass(frozen=True, eq=False)
class ProfileSums(Sink):
    """A readout's profiles, (placements, backgrounds, strands, positions), summed over backgrounds in float64."""

    schema, what = PROFILE_SUMS, "the profile of readout"

    @property
    def width(self) -> int:
        """What the merge holds for each target of a placement: a profile's positions."""
        return self.shard.positions[self.readout]

    def reduce(self, y: torch.Tensor, placed: Sequence[Placed | None]) -> torch.Tensor:
        check_finite(str(self), y.flatten(0, 1), self.shard, placed)
        return y.double().sum(dim=1)

    def rows(self, before: torch.Tensor, after: torch.Tensor, placed: list[Placed]) -> RowGroups:
        for order in self.blocks(ROW_GROUP_ROWS // self.width):
            sums = after.numpy()[:, order]
            before_sums = np.broadcast_to(before.numpy()[:, order], sums.shape)
            yield order, {"before": list_column(before_sums), "after": list_column(sums)}


def run_effects(
    model: ReadoutModel,
    shard: Shard,
    config: Config,
    paths: dict[Key, str],
    device: torch.device,
    pieces: Path,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Compute the effects and profiles of a shard and write its files.

    Args:
        model: a model with its readouts.
        shard: what to compute.
        config: of the screen.
        paths: the file to write for each key of the model's output.
        device: where.
        pieces, facts: as for `run_shard`.

    Returns:
        How it went, as `run_shard`.

    Raises:
        InputError: a readout is NaN or infinite, or outside the domain of its scale.
        StoppedError: as `run_shard`.
    """
    scales = {name: readout.scale for name, readout in readouts_of(config).items()}
    of_effects = Effects if config.keep_effects == "all" else Statistics
    sinks = [
        ProfileSums(shard, key, path) if isinstance(key, Profile) else of_effects(shard, key, path, scales[key])
        for key, path in paths.items()
    ]
    _tell_rows(sinks, shard, config)
    return run_sinks(sinks, model, config, device, pieces, facts)


def run_sinks(
    sinks: Sequence[Effects | ProfileSums],
    model: ReadoutModel,
    config: Config,
    device: torch.device,
    pieces: Path,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Compute a shard, whose are the sinks, and write their files; all else is as for `run_effects`."""
    shard = sinks[0].shard
    group = max(1, ROW_GROUP_ROWS // max(1, *(len(sink.targets) * sink.width for sink in sinks)))
    X = one_hot_encode(list(shard.backgrounds["sequence"]))
    distinct = distinct_placements(shard.placed)
    once = [shard.placed[i] for i in distinct.firsts]
    placed = [place_motif(X, *changed_part(p), DNA) for p in once[:LOOK_AHEAD]]
    # By the whole shard, so that an attempt that goes on computes in the same way as one that began.
    with session(model, X, placed, len(once), args=shard.args, device=device, **config.compute.options) as opened:

        def before() -> Outputs:
            return {key: y.unsqueeze(0) for key, y in opened.before().items()}

        def after(done: int) -> Iterator[Outputs]:
            return opened.after(place_motif(X, *changed_part(p), DNA) for p in once[done:])

        return run_shard(sinks, group, distinct, before, after, pieces, facts)


def _tell_rows(sinks: Sequence[Sink], shard: Shard, config: Config) -> None:
    """Warn of a job of more rows than asked, which the plan could not know of."""
    n_targets = sum(len(sink.targets) for sink in sinks if isinstance(sink, Effects))
    rows, most = len(shard.placed) * len(shard.backgrounds) * n_targets, config.shards.rows
    if rows > 2 * most and target_count(config) is None:
        logger.warning(
            "a job of %s marginals of each of %s targets, which the config does not say the number of, is larger than "
            "shards.rows (%s) would have it: name the targets, or set shards.marginals: %d",
            *(f"{n:,}" for n in (rows // n_targets, n_targets, most)),
            max(1, most // n_targets),
        )
