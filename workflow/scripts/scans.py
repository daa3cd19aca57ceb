from marginalization.stages.derived import scans

scans(snakemake)
