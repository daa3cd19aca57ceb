"""Load a model and run it on three sequences, to find what is wrong before the shards start."""

import torch
from marginalization.jobs.devices import claimed_device
from marginalization.jobs.job import as_job
from marginalization.probing.probe import probe
from marginalization.store.files import write_json

with as_job(snakemake) as said:
    torch.set_num_threads(snakemake.threads)
    config, name = snakemake.config, snakemake.wildcards.model
    # The CPU, unless the config names a device: the GPUs are the shards'.
    wanted = "cpu" if config["compute"]["device"] == "auto" else config["compute"]["device"]
    with claimed_device(wanted) as device:
        found = probe(config, name, snakemake.params.n_backgrounds, device)
    write_json({**found, "warnings": said.warnings}, snakemake.output[0])
    print(found)
