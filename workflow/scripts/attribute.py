from marginalization.stages.attributions import attribute

attribute(snakemake)
