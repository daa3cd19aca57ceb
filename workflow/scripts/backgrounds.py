from marginalization.stages.inputs import backgrounds

backgrounds(snakemake)
