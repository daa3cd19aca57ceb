# Reads: a model, and a shard each of backgrounds.parquet and elements.parquet.
# Writes: models/<model>.json, then (for the target `measure`) rates/<model>.json, or effects/ (or statistics/ in its place)
# and, of profile readouts, profile_sums/, a file for each job; and jobs/screen/, how each job went.
#
# The tables are `ancient`: a job is run again not because a table was written again, but because its own name, which
# ends in a digest of what it computes, is another (see the core's `plan`).


rule probe:
    input:
        lambda wildcards: lab_files(MODEL_FILES[wildcards.model]),
    output:
        RESULTS.probe("{model}"),
    log:
        RESULTS.log("probe", "{model}"),
    conda:
        "../../envs/marginalization.yaml"
    resources:
        gpu=0 if SCREEN.compute.device == "auto" else GPUS,
    params:
        digest=lambda wildcards: PLAN.models[wildcards.model],
        n_backgrounds=PLAN.n_backgrounds,
        device=SCREEN.compute.device,
        dtype=SCREEN.compute.dtype,
    script:
        "../scripts/probe.py"


rule measure:
    input:
        local([str(RESULTS.rate(model)) for model in SCREEN.models]),


rule rate:
    input:
        lambda wildcards: lab_files(MODEL_FILES[wildcards.model]),
        backgrounds=RESULTS.table("backgrounds"),
        elements=RESULTS.table("elements"),
        probe=RESULTS.probe("{model}"),
    output:
        local(RESULTS.rate("{model}")),
    log:
        RESULTS.log("rate", "{model}"),
    conda:
        "../../envs/marginalization.yaml"
    threads: SCREEN.compute.threads
    resources:
        gpu=GPUS,
    params:
        digest=lambda wildcards: PLAN.models[wildcards.model],
    script:
        "../scripts/rate.py"


rule screen:
    input:
        lambda wildcards: ancient(lab_files(MODEL_FILES[wildcards.model])),
        backgrounds=ancient(RESULTS.table("backgrounds")),
        elements=ancient(RESULTS.table("elements")),
        probe=ancient(RESULTS.probe("{model}")),
    output:
        effects=parts(SCREEN.effects_dataset, READOUTS, EACH),
        profiles=parts("profile_sums", PROFILES, EACH),
        record=RESULTS.record("screen", "{model}", "{job}"),
    log:
        RESULTS.log("screen", "{model}", "{job}"),
    benchmark:
        RESULTS.benchmark("screen", "{model}", "{job}")
    conda:
        "../../envs/marginalization.yaml"
    threads: SCREEN.compute.threads
    resources:
        gpu=GPUS,
    script:
        "../scripts/screen.py"
