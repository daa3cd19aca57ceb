"""The jobs of screen.smk: a first look at each model, its rate, and the effects of shards."""

from __future__ import annotations

from typing import Any

import torch

from ..config.checks import profile_readouts, readouts_of
from ..config.sections import Config
from ..jobs.devices import claimed_device, device_name
from ..jobs.effects import run_effects
from ..jobs.provenance import made_by
from ..jobs.shard import read_shard
from ..models.readouts import Key, Profile
from ..probing.probe import load_readout_model
from ..probing.probe import probe as look_at
from ..probing.rate import marginals_per_second
from ..store.files import write_json
from .job import as_job


def probe(snakemake: Any) -> None:
    """Load a model and run it on three sequences, to find what is wrong before the shards start."""
    with as_job(snakemake) as (_, said):
        torch.set_num_threads(snakemake.threads)
        config, name = Config.of(snakemake.config), snakemake.wildcards.model
        # The CPU, unless the config names a device: the GPUs are the shards'.
        wanted = "cpu" if config.compute.device == "auto" else config.compute.device
        with claimed_device(wanted) as device:
            found = look_at(config, name, snakemake.params.n_backgrounds, device)
        write_json({**found, "warnings": said.warnings}, snakemake.output[0])
        print(found)


def rate(snakemake: Any) -> None:
    """Measure how many marginals a model computes in a second, on the device that its shards will have."""
    with as_job(snakemake):
        torch.set_num_threads(snakemake.threads)
        config, name = Config.of(snakemake.config), snakemake.wildcards.model
        model = load_readout_model(config, name)
        with claimed_device(config.compute.device) as device:
            rate = marginals_per_second(model, config, name, snakemake.input, device)
            found = {"marginals_per_second": rate, "device": device_name(device), "model": snakemake.params.digest}
        write_json(found, snakemake.output[0])
        print(found)


def screen(snakemake: Any) -> None:
    """Compute the effects of one shard of the elements in one shard of the backgrounds."""
    with as_job(snakemake) as (results, said):
        torch.set_num_threads(snakemake.threads)
        config, name, job = Config.of(snakemake.config), snakemake.wildcards.model, snakemake.wildcards.job
        model = load_readout_model(config, name)
        shard = read_shard(config, name, job, snakemake.input)
        paths: dict[Key, str] = dict(zip(readouts_of(config), snakemake.output.effects, strict=True))
        profiles = zip(profile_readouts(config), snakemake.output.profiles, strict=True)
        paths |= {Profile(readout): path for readout, path in profiles}
        with claimed_device(config.compute.device) as device:
            facts = {"model": name, "job": job, "device": device_name(device), **made_by()}
            pieces = results.pieces("screen", name, job)
            ran = run_effects(model, shard, config, device, paths, pieces, facts)
        write_json({**facts, **ran, **said.facts, "warnings": said.warnings}, snakemake.output.record)
