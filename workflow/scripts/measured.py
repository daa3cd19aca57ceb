from marginalization.stages.derived import measured

measured(snakemake)
