"""Load a model and run it on one sequence, to find what is wrong before the shards start."""

import torch
from marginalization.logs import job_log
from marginalization.probe import probe
from marginalization.tables import write_json

with job_log(snakemake.log[0]) as said:
    torch.set_num_threads(snakemake.threads)
    found = probe(snakemake.config, snakemake.wildcards.model, snakemake.params.n_backgrounds)
    write_json({**found, "warnings": said.warnings}, snakemake.output[0])
    print(found)
