from marginalization.stages.ablations import ablations

ablations(snakemake)
