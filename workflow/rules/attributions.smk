# Reads: a model, and a shard each of backgrounds.parquet and elements.parquet.
# Writes: attribution_sums/, a file for each job, and from them attributions.parquet; and jobs/attribute/, how each job went.
#
# The tables are `ancient` for the same reason as in screen.smk.

ATTRIBUTED = attribution_readouts(config)


rule attribute:
    input:
        lambda wildcards: ancient(lab_files(MODEL_FILES[wildcards.model])),
        ancient(lab_files(attribution_files(config))),
        backgrounds=ancient(f"{RESULTS}/backgrounds.parquet"),
        elements=ancient(f"{RESULTS}/elements.parquet"),
        probe=ancient(f"{RESULTS}/models/{{model}}.json"),
    output:
        sums=[part("attribution_sums", readout) for readout in ATTRIBUTED],
        record=f"{RESULTS}/jobs/attribute/{{model}}/{{job}}.json",
    log:
        f"{RESULTS}/logs/attribute/{{model}}/{{job}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/attribute/{{model}}/{{job}}.tsv"
    conda:
        "../../envs/marginalization.yaml"
    threads: config["compute"]["threads"]
    resources:
        gpu=GPUS,
    script:
        "../scripts/attribute.py"


rule attributions:
    input:
        sums=all_parts("attribution_sums", ATTRIBUTED, PLAN.attribution_jobs),
        probes=expand(f"{RESULTS}/models/{{model}}.json", model=config["models"]),
        elements=f"{RESULTS}/elements.parquet",
    output:
        f"{RESULTS}/attributions.parquet",
    log:
        f"{RESULTS}/logs/attributions.log",
    benchmark:
        f"{RESULTS}/benchmarks/attributions.tsv"
    conda:
        "../../envs/marginalization.yaml"
    params:
        files=sorted({*INPUT_FILES, *attribution_files(config)}),
        code=CODE,
    script:
        "../scripts/attributions.py"
