from marginalization.stages.derived import copies

copies(snakemake)
