"""The jobs of attributions.smk: the attributions of shards, and their means."""

from __future__ import annotations

from typing import Any

import torch

from ..config.attributions import attribution_readouts
from ..config.sections import Config
from ..design.elements import motifs_and_annotations
from ..design.placement import placed_table
from ..jobs.attributions import run_attributions
from ..jobs.devices import claimed_device, device_name
from ..jobs.provenance import facts, made_by
from ..jobs.shard import read_shard
from ..merging.means import merge_attributions
from ..probing.probe import load_readout_model
from ..store.files import write_json
from ..store.reading import read_table
from ..store.schemas import ELEMENTS
from ..store.superseded import set_parts_aside
from .job import as_job
from .merge import parts_of


def attribute(snakemake: Any) -> None:
    """Attribute one shard of the elements in one shard of the backgrounds."""
    with as_job(snakemake) as (results, said):
        torch.set_num_threads(snakemake.threads)
        config, name, job = Config.of(snakemake.config), snakemake.wildcards.model, snakemake.wildcards.job
        model = load_readout_model(config, name)
        shard = read_shard(config, name, job, snakemake.input, controls=False)
        paths = dict(zip(attribution_readouts(config), snakemake.output.sums, strict=True))
        with claimed_device(config.compute.device) as device:
            made_from = {"model": name, "job": job, "device": device_name(device), **made_by()}
            pieces = results.pieces("attribute", name, job)
            ran = run_attributions(model, shard, config, device, paths, pieces, made_from)
        write_json({**made_from, **ran, **said.facts, "warnings": said.warnings}, snakemake.output.record)


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
