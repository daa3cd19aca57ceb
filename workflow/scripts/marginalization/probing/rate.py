"""The rate of a model: how many marginals it computes in a second, from a short run as its shards will do it."""

from __future__ import annotations

import itertools
import time
from typing import Any

import torch

from ..config.sections import Config
from ..design.placement import changed_part, place, written_out
from ..inference.streams import stream_motifs
from ..models.loading import load_inputs
from ..models.outputs import row_count
from ..models.readouts import ReadoutModel
from ..sequences.onehot import one_hot_encode
from ..store.reading import read_table
from ..store.schemas import BACKGROUNDS, ELEMENTS

SECONDS = 10.0
"""How long to measure, after the first group, which pays for capturing the model and the backgrounds."""

MOST_BACKGROUNDS = 100
"""The most backgrounds to measure with."""


def marginals_per_second(model: ReadoutModel, config: Config, name: str, paths: Any, device: torch.device) -> float:
    """Measure on the screen's own backgrounds and elements, these over and over.

    Args:
        model: with its readouts.
        config: of the screen.
        name: of the model.
        paths: with the attributes `elements` and `backgrounds`: the files to read.
        device: where.
    """
    backgrounds = read_table(paths.backgrounds, BACKGROUNDS, columns=["name", "sequence"])
    elements = read_table(paths.elements, ELEMENTS)
    few = backgrounds["sequence"].iloc[: min(MOST_BACKGROUNDS, config.shards.backgrounds)]
    X, names = one_hot_encode(list(few)), backgrounds["name"].tolist()
    args = [arg[: len(X)] for arg in load_inputs(config.models[name], name, len(backgrounds), names)]
    length = config.length
    placement = written_out(config.placement, length - int(elements["width"].max()))
    placed = itertools.cycle(map(changed_part, place(elements, placement, length)))
    done = 0
    stream = stream_motifs(model, X, placed, args=args, device=device, **config.compute.options)
    next(stream)
    begin = time.monotonic()
    for y in stream:
        done += row_count(y) * len(X)
        if time.monotonic() - begin > SECONDS:
            break
    return done / (time.monotonic() - begin)
