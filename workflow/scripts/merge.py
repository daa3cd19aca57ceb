from marginalization.stages.merge import merge

merge(snakemake)
