"""The jobs of ablations.smk: the instances, what is lost with those of a shard, and the tables of all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from ..config.checks import readouts_of
from ..config.sections import Config
from ..design.instances import read_instances
from ..jobs.ablations import read_instances_of, run_ablations
from ..jobs.devices import claimed_device, device_name
from ..jobs.provenance import facts, made_by
from ..merging.ablations import Floor, merge_ablations
from ..probing.probe import load_readout_model
from ..store.files import write_json, write_table
from ..store.other_schemas import INSTANCES
from ..store.reading import read_table
from ..store.superseded import set_parts_aside
from .job import as_job
from .merge import parts_of


def instances(snakemake: Any) -> None:
    """Read the annotations that are ablated, and draw the stretches that they are compared with."""
    with as_job(snakemake):
        read = read_instances(Config.of(snakemake.config))
        made_from = {**facts(snakemake.config), "counts": {"instances": len(read.table)}}
        write_table(read.table, snakemake.output[0], INSTANCES, made_from)
        print(f"instances: {len(read.table):,}")
        for warning in read.warnings:
            print(warning)


def ablate(snakemake: Any) -> None:
    """Ablate the instances of one shard."""
    with as_job(snakemake) as (results, said):
        torch.set_num_threads(snakemake.threads)
        config, name, job = Config.of(snakemake.config), snakemake.wildcards.model, snakemake.wildcards.job
        model = load_readout_model(config, name)
        table = read_instances_of(job, snakemake.input.instances)
        targets = json.loads(Path(snakemake.input.probe).read_text())["targets"]
        paths = dict(zip(readouts_of(config), snakemake.output.outputs, strict=True))
        with claimed_device(config.compute.device) as device:
            made_from = {"model": name, "job": job, "device": device_name(device), **made_by()}
            pieces = results.pieces("ablate", name, job)
            ran = run_ablations(model, name, config, table, targets, device, paths, pieces, made_from)
        write_json({**made_from, **ran, **said.facts, "warnings": said.warnings}, snakemake.output.record)


def ablations(snakemake: Any) -> None:
    """Merge the shards' ablations into the effects of instances, and of their names."""
    with as_job(snakemake) as (results, _):
        config, outputs = Config.of(snakemake.config), snakemake.input.outputs
        spec, controls = config.elements.ablations, config.elements.controls
        assert spec
        table = read_table(snakemake.input.instances, INSTANCES)
        set_parts_aside(results, "ablation_outputs", outputs)
        merge_ablations(
            parts_of(snakemake, config, outputs, table.rename(columns={"instance_id": "element_id"})),
            table,
            1 + spec.elsewhere,
            Floor() if controls is None else Floor(controls.level, controls.effect_floor),
            readouts_of(config),
            snakemake.output,
            facts(snakemake.config, snakemake.params.files, outputs),
        )
