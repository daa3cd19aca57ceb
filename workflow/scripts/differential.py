from marginalization.stages.merge import differential

differential(snakemake)
