from marginalization.stages.merge import cooperativity

cooperativity(snakemake)
