"""What the jobs of all shards do alike: load a model, claim a device, compute, and write down how it went."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ..config.sections import Config
from ..jobs.devices import claimed_device, device_name
from ..jobs.provenance import made_by
from ..models.readouts import ReadoutModel
from ..probing.probe import load_readout_model
from ..store.files import write_json
from .job import as_job


class Loaded(NamedTuple):
    """What a job computes with: the config of its screen, its model's name, its own, and the model."""

    config: Config
    name: str
    job: str
    model: ReadoutModel


Run = Callable[[torch.device, Path, dict[str, Any]], dict[str, Any]]
"""Computes a shard on a device, with a folder for pieces and facts for the files' metadata; gives how it went."""


def run_job(snakemake: Any, rule: str, prepared: Callable[[Loaded], Run]) -> None:
    """Run a job of a rule, and write its record.

    Args:
        snakemake: of the job.
        rule: by whose name its pieces are kept.
        prepared: reads what is to be computed, before a device is claimed.
    """
    with as_job(snakemake) as (results, said):
        torch.set_num_threads(snakemake.threads)
        config, name, job = Config.of(snakemake.config), snakemake.wildcards.model, snakemake.wildcards.job
        run = prepared(Loaded(config, name, job, load_readout_model(config, name)))
        with claimed_device(config.compute.device) as device:
            facts = {"model": name, "job": job, "device": device_name(device), **made_by()}
            ran = run(device, results.pieces(rule, name, job), facts)
        write_json({**facts, **ran, **said.facts, "warnings": said.warnings}, snakemake.output.record)
