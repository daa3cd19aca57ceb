from marginalization.stages.measured import measured

measured(snakemake)
