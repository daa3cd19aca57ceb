from marginalization.stages.derived import mutate

mutate(snakemake)
