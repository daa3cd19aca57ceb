"""Attribute one shard of the elements in one shard of the backgrounds."""

from pathlib import Path

import torch
from marginalization.config.attributions import attribution_readouts
from marginalization.jobs.attributions import read_attribution_shard, run_attribution_shard
from marginalization.jobs.devices import claimed_device, device_name
from marginalization.jobs.job import as_job
from marginalization.jobs.provenance import made_by
from marginalization.probing.probe import load_readout_model
from marginalization.store.files import write_json

with as_job(snakemake) as said:
    torch.set_num_threads(snakemake.threads)
    config, name, job = snakemake.config, snakemake.wildcards.model, snakemake.wildcards.job
    model = load_readout_model(config, name)
    shard = read_attribution_shard(config, name, job, snakemake.input)
    paths = dict(zip(attribution_readouts(config), snakemake.output.sums, strict=True))
    results = Path(snakemake.output.sums[0]).parents[3]
    with claimed_device(config["compute"]["device"]) as device:
        pieces = results / "unfinished_attributions" / name / job
        facts = {"model": name, "job": job, "device": device_name(device), **made_by()}
        ran = run_attribution_shard(model, shard, config, device, paths, pieces, facts)
    write_json({**facts, **ran, **said.facts, "warnings": said.warnings}, snakemake.output.record)
