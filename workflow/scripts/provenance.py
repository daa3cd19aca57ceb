from marginalization.stages.merge import provenance

provenance(snakemake)
