# Reads: a model, and a shard each of backgrounds.parquet and elements.parquet.
# Writes: models/<model>.json, then (for the target `measure`) rates/<model>.json, or effects/ and, of profile readouts,
# profile_sums/, a file for each job; and jobs/screen/, how each job went.
#
# The tables are `ancient`: a job is run again not because a table was written anew, but because its own name, which
# ends in a digest of what it computes, is another (see the core's `plan`).


rule probe:
    input:
        lambda wildcards: lab_files(MODEL_FILES[wildcards.model]),
    output:
        f"{RESULTS}/models/{{model}}.json",
    log:
        f"{RESULTS}/logs/probe/{{model}}.log",
    conda:
        "../../envs/marginalization.yaml"
    resources:
        gpu=0 if config["compute"]["device"] == "auto" else GPUS,
    params:
        digest=lambda wildcards: PLAN.models[wildcards.model],
        n_backgrounds=PLAN.n_backgrounds,
        device=config["compute"]["device"],
        dtype=config["compute"]["dtype"],
    script:
        "../scripts/probe.py"


rule measure:
    input:
        local(expand(rate_file(config["screen"], "{model}"), model=config["models"])),


rule rate:
    input:
        lambda wildcards: lab_files(MODEL_FILES[wildcards.model]),
        backgrounds=f"{RESULTS}/backgrounds.parquet",
        elements=f"{RESULTS}/elements.parquet",
        probe=f"{RESULTS}/models/{{model}}.json",
    output:
        local(rate_file(config["screen"], "{model}")),
    log:
        f"{RESULTS}/logs/rate/{{model}}.log",
    conda:
        "../../envs/marginalization.yaml"
    threads: config["compute"]["threads"]
    resources:
        gpu=GPUS,
    params:
        digest=lambda wildcards: PLAN.models[wildcards.model],
    script:
        "../scripts/rate.py"


rule screen:
    input:
        lambda wildcards: ancient(lab_files(MODEL_FILES[wildcards.model])),
        backgrounds=ancient(f"{RESULTS}/backgrounds.parquet"),
        elements=ancient(f"{RESULTS}/elements.parquet"),
        probe=ancient(f"{RESULTS}/models/{{model}}.json"),
    output:
        effects=[part("effects", readout) for readout in READOUTS],
        profiles=[part("profile_sums", readout) for readout in PROFILES],
        record=f"{RESULTS}/jobs/screen/{{model}}/{{job}}.json",
    log:
        f"{RESULTS}/logs/screen/{{model}}/{{job}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/screen/{{model}}/{{job}}.tsv"
    conda:
        "../../envs/marginalization.yaml"
    threads: config["compute"]["threads"]
    resources:
        gpu=GPUS,
    script:
        "../scripts/screen.py"
