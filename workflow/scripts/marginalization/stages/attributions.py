"""The jobs of attributions.smk: the attributions of shards, and their means."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..config.attributions import attribution_readouts
from ..config.sections import Config
from ..design.elements import motifs_and_annotations
from ..design.placement import placed_table
from ..jobs.attributions import run_attributions
from ..jobs.provenance import facts
from ..jobs.shard import read_shard
from ..merging.means import merge_attributions
from ..store.reading import read_table
from ..store.schemas import ELEMENTS
from ..store.superseded import set_parts_aside
from .job import as_job
from .merge import parts_of
from .shards import Loaded, Run, run_job


def attribute(snakemake: Any) -> None:
    """Attribute one shard of the elements in one shard of the backgrounds."""

    def prepared(of: Loaded) -> Run:
        shard = read_shard(of.config, of.name, of.job, snakemake.input, controls=False)
        paths = dict(zip(attribution_readouts(of.config), snakemake.output.sums, strict=True))
        return partial(run_attributions, of.model, shard, of.config, paths)

    run_job(snakemake, "attribute", prepared)


def attributions(snakemake: Any) -> None:
    """Merge the shards' sums of attributions into mean attributions."""
    with as_job(snakemake) as (results, _):
        config, sums = Config.of(snakemake.config), snakemake.input.sums
        assert config.attributions
        elements = read_table(snakemake.input.elements, ELEMENTS)
        # Where elements are placed can depend on the widest of all.
        placed = motifs_and_annotations(placed_table(elements, config.placement, config.length)).reset_index(drop=True)
        set_parts_aside(results, "attribution_sums", sums)
        merge_attributions(
            parts_of(snakemake, config, sums, placed),
            placed,
            config.length,
            config.attributions.window,
            snakemake.output[0],
            facts(snakemake.config, snakemake.params.files, sums),
        )
