from marginalization.stages.derived import clusters

clusters(snakemake)
