"""Compute the effects of one shard of the elements in one shard of the backgrounds."""

from pathlib import Path

import torch
from marginalization.config.checks import profile_readouts, readouts_of
from marginalization.jobs.devices import claimed_device, device_name
from marginalization.jobs.effects import read_shard, run_shard
from marginalization.jobs.job import as_job
from marginalization.jobs.provenance import made_by
from marginalization.models.readouts import PROFILE
from marginalization.probing.probe import load_readout_model
from marginalization.store.files import write_json

with as_job(snakemake) as said:
    torch.set_num_threads(snakemake.threads)
    config, name, job = snakemake.config, snakemake.wildcards.model, snakemake.wildcards.job
    model = load_readout_model(config, name)
    shard = read_shard(config, name, job, snakemake.input)
    paths = dict(zip(readouts_of(config), snakemake.output.effects, strict=True))
    profiles = [name + PROFILE for name in profile_readouts(config)]
    paths |= dict(zip(profiles, snakemake.output.profiles, strict=True))
    results = Path(snakemake.output[0]).parents[3]
    with claimed_device(config["compute"]["device"]) as device:
        pieces = results / "unfinished" / name / job
        facts = {"model": name, "job": job, "device": device_name(device), **made_by()}
        ran = run_shard(model, shard, config["compute"], device, paths, pieces, facts)
    write_json({**facts, **ran, **said.facts, "warnings": said.warnings}, snakemake.output.record)
