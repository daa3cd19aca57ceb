from marginalization.stages.attributions import attributions

attributions(snakemake)
