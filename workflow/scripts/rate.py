"""Measure how many marginals a model computes in a second, on the device that its shards will have."""

import torch
from marginalization.jobs.devices import claimed_device, device_name
from marginalization.jobs.job import as_job
from marginalization.probing.probe import load_readout_model
from marginalization.probing.rate import marginals_per_second
from marginalization.store.files import write_json

with as_job(snakemake):
    torch.set_num_threads(snakemake.threads)
    config, name = snakemake.config, snakemake.wildcards.model
    model = load_readout_model(config, name)
    with claimed_device(config["compute"]["device"]) as device:
        rate = marginals_per_second(model, config, name, snakemake.input, device)
        found = {"marginals_per_second": rate, "device": device_name(device), "model": snakemake.params.digest}
    write_json(found, snakemake.output[0])
    print(found)
