# A genome-scale marginalization screen: the effects on a model's output of substituting motifs and annotated
# sequences into backgrounds. `config/README.md` explains the config, `README.md` the results.
from snakemake.utils import min_version, validate

min_version("9.19")

# The demo screen, unless the command line names a config: its values must not leak into another's.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


include: "workflow/rules/common.smk"


# The first rule is what runs unless another is asked for; by `default_target`, it would also be so in a workflow that
# includes this one as a module.
rule all:
    input:
        RESULT_TABLES,
        all_parts("effects", READOUTS),  # they are results too: one that is deleted is computed again
        COOPERATIVITY,
        ATTRIBUTIONS,
        f"{RESULTS}/provenance.json",
        f"{RESULTS}/report.html",


include: "workflow/rules/inputs.smk"
include: "workflow/rules/screen.smk"
include: "workflow/rules/merge.smk"
include: "workflow/rules/report.smk"


if "attributions" in config:

    include: "workflow/rules/attributions.smk"
