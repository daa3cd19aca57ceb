from marginalization.stages.report import report

report(snakemake)
