"""The jobs of screen.smk: a first look at each model, its rate, and the effects of shards."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from ..config.checks import profile_readouts, readouts_of
from ..config.sections import Config
from ..jobs.devices import claimed_device, device_name
from ..jobs.effects import run_effects
from ..jobs.shard import read_shard
from ..models.readouts import Key, Profile
from ..probing.probe import load_readout_model
from ..probing.probe import probe as look_at
from ..probing.rate import marginals_per_second
from ..store.files import write_json
from .job import as_job
from .shards import Loaded, Run, run_job


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

    def prepared(of: Loaded) -> Run:
        shard = read_shard(of.config, of.name, of.job, snakemake.input)
        paths: dict[Key, str] = dict(zip(readouts_of(of.config), snakemake.output.effects, strict=True))
        profiles = zip(profile_readouts(of.config), snakemake.output.profiles, strict=True)
        paths |= {Profile(readout): path for readout, path in profiles}
        return partial(run_effects, of.model, shard, of.config, paths)

    run_job(snakemake, "screen", prepared)
