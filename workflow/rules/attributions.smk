# Reads: a model, and a shard each of backgrounds.parquet and elements.parquet.
# Writes: attribution_sums/, a file for each job, and from them attributions.parquet; and jobs/attribute/, how each job went.
#
# The tables are `ancient` for the same reason as in screen.smk.

ATTRIBUTED = attribution_readouts(SCREEN)


rule attribute:
    input:
        lambda wildcards: ancient(lab_files(MODEL_FILES[wildcards.model])),
        ancient(lab_files(attribution_files(SCREEN))),
        backgrounds=ancient(RESULTS.table("backgrounds")),
        elements=ancient(RESULTS.table("elements")),
        probe=ancient(RESULTS.probe("{model}")),
    output:
        sums=parts("attribution_sums", ATTRIBUTED, EACH),
        record=RESULTS.record("attribute", "{model}", "{job}"),
    log:
        RESULTS.log("attribute", "{model}", "{job}"),
    benchmark:
        RESULTS.benchmark("attribute", "{model}", "{job}")
    conda:
        "../../envs/marginalization.yaml"
    threads: SCREEN.compute.threads
    resources:
        gpu=GPUS,
    script:
        "../scripts/attribute.py"


rule attributions:
    input:
        sums=parts("attribution_sums", ATTRIBUTED, PLAN.attribution_jobs),
        probes=PROBES,
        elements=RESULTS.table("elements"),
    output:
        RESULTS.table("attributions"),
    log:
        RESULTS.log("attributions"),
    benchmark:
        RESULTS.benchmark("attributions")
    conda:
        "../../envs/marginalization.yaml"
    params:
        files=sorted({*INPUT_FILES, *attribution_files(SCREEN)}),
        groups=config["groups"],
        code=CODE,
    script:
        "../scripts/attributions.py"
