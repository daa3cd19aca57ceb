# Reads: a model, the backgrounds, and clusters.parquet, by which it is chosen what is mapped.
# Writes: map_outputs/, a file for each model and readout, and from them maps.parquet and maps_summary.parquet; and
# jobs/mutate/, how each job went.


rule mutate:
    input:
        lambda wildcards: ancient(lab_files(MODEL_FILES[wildcards.model])),
        clusters=RESULTS.table("clusters"),
        elements=RESULTS.table("elements"),
        backgrounds=ancient(RESULTS.table("backgrounds")),
        probe=ancient(RESULTS.probe("{model}")),
    output:
        outputs=parts("map_outputs", READOUTS, EACH),
        record=RESULTS.record("mutate", "{model}", "{job}"),
    log:
        RESULTS.log("mutate", "{model}", "{job}"),
    benchmark:
        RESULTS.benchmark("mutate", "{model}", "{job}")
    conda:
        "../../envs/marginalization.yaml"
    threads: SCREEN.compute.threads
    resources:
        gpu=GPUS,
    script:
        "../scripts/mutate.py"


rule maps:
    input:
        outputs=parts("map_outputs", READOUTS, MAP_JOBS),
        clusters=RESULTS.table("clusters"),
        elements=RESULTS.table("elements"),
        motifs=RESULTS.table("motifs"),
    output:
        RESULTS.table("maps"),
        RESULTS.table("maps_summary"),
    log:
        RESULTS.log("maps"),
    conda:
        "../../envs/marginalization.yaml"
    params:
        files=INPUT_FILES,
        code=CODE,
    script:
        "../scripts/maps.py"
