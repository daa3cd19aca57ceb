from marginalization.stages.screen import screen

screen(snakemake)
