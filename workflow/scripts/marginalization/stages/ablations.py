"""The jobs of ablations.smk: the instances, what is lost with those of a shard, and the tables of all."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from ..config.checks import readouts_of
from ..config.sections import Config
from ..config.sections.substitutions import Controls
from ..design.instances import read_instances
from ..jobs.ablations import read_instances_of, run_ablations
from ..jobs.provenance import facts
from ..merging.ablations import merge_ablations
from ..store.files import write_table
from ..store.other_schemas import INSTANCES
from ..store.reading import read_table
from ..store.superseded import set_parts_aside
from .job import as_job
from .merge import parts_of
from .shards import Loaded, Run, run_job


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

    def prepared(of: Loaded) -> Run:
        table = read_instances_of(of.job, snakemake.input.instances)
        targets = json.loads(Path(snakemake.input.probe).read_text())["targets"]
        paths = dict(zip(readouts_of(of.config), snakemake.output.outputs, strict=True))
        return partial(run_ablations, of.model, of.name, of.config, table, targets, paths)

    run_job(snakemake, "ablate", prepared)


def ablations(snakemake: Any) -> None:
    """Merge the shards' ablations into the effects of instances, and of their names."""
    with as_job(snakemake) as (results, _):
        config, outputs = Config.of(snakemake.config), snakemake.input.outputs
        spec, controls = config.elements.ablations, config.elements.controls or Controls()
        assert spec
        table = read_table(snakemake.input.instances, INSTANCES)
        set_parts_aside(results, "ablation_outputs", outputs)
        merge_ablations(
            parts_of(snakemake, config, outputs, table.rename(columns={"instance_id": "element_id"})),
            table,
            1 + spec.elsewhere,
            controls,
            readouts_of(config),
            snakemake.output,
            facts(snakemake.config, snakemake.params.files, outputs),
        )
