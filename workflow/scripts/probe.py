"""Load a model and run it on one sequence, to find what is wrong before the shards start."""

import torch
from marginalization.job import as_job
from marginalization.probe import probe
from marginalization.tables import write_json

with as_job(snakemake):
    torch.set_num_threads(snakemake.threads)
    found = probe(snakemake.config, snakemake.wildcards.model, snakemake.params.n_backgrounds)
    write_json(found, snakemake.output[0])
    print(found)
