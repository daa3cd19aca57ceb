from marginalization.stages.ablations import ablate

ablate(snakemake)
