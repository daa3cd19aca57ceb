from marginalization.stages.inputs import elements

elements(snakemake)
