# What `snakemake` finds in a clone; the workflow lies where catalogues look for it.
include: "workflow/Snakefile"


# Of an included file, the first rule is not what runs unless another is asked for.
if workflow.modifier.is_main_snakefile():
    workflow.default_target = "all"
