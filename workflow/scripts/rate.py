from marginalization.stages.screen import rate

rate(snakemake)
