from marginalization.stages.ablations import instances

instances(snakemake)
