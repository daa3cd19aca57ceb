# Reads: a model, and a shard of instances.parquet, whose loci lie in the genomes that `elements.ablations` names.
# Writes: instances.parquet; ablation_outputs/, a file for each job, and from them ablations.parquet and
# ablations_summary.parquet; and jobs/ablate/, how each job went.
#
# The tables are `ancient` for the same reason as in screen.smk.


rule instances:
    input:
        lab_files(ablation_files(SCREEN)),
    output:
        RESULTS.table("instances"),
    log:
        RESULTS.log("instances"),
    conda:
        "../../envs/marginalization.yaml"
    params:
        digest=PLAN.instances_digest,
        code=CODE,
    script:
        "../scripts/instances.py"


rule ablate:
    input:
        lambda wildcards: ancient(lab_files(MODEL_FILES[wildcards.model])),
        ancient(lab_files(ablation_files(SCREEN))),
        instances=ancient(RESULTS.table("instances")),
        probe=ancient(RESULTS.probe("{model}")),
    output:
        outputs=parts("ablation_outputs", READOUTS, EACH),
        record=RESULTS.record("ablate", "{model}", "{job}"),
    log:
        RESULTS.log("ablate", "{model}", "{job}"),
    benchmark:
        RESULTS.benchmark("ablate", "{model}", "{job}")
    conda:
        "../../envs/marginalization.yaml"
    threads: SCREEN.compute.threads
    resources:
        gpu=GPUS,
    script:
        "../scripts/ablate.py"


rule ablations:
    input:
        outputs=parts("ablation_outputs", READOUTS, PLAN.ablation_jobs),
        probes=PROBES,
        instances=RESULTS.table("instances"),
    output:
        RESULTS.table("ablations"),
        RESULTS.table("ablations_summary"),
    log:
        RESULTS.log("ablations"),
    benchmark:
        RESULTS.benchmark("ablations")
    conda:
        "../../envs/marginalization.yaml"
    params:
        files=sorted({*INPUT_FILES, *ablation_files(SCREEN)}),
        groups=config["groups"],
        controls=config["elements"].get("controls"),
        code=CODE,
    script:
        "../scripts/ablations.py"
