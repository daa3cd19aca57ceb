from marginalization.stages.derived import maps

maps(snakemake)
