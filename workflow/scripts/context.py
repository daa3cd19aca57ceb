from marginalization.stages.merge import context

context(snakemake)
