from marginalization.stages.screen import probe

probe(snakemake)
