# Reads: summary.parquet, the tables of elements, and what a lab measured of them; for maps a model and backgrounds too.
# Writes: clusters.parquet; of a screen at several starts scans.parquet, of one with copies copies.parquet, of one with
# measurements measured.parquet; of one with maps map_outputs/, a file for each model and readout, and from them
# maps.parquet and maps_summary.parquet; and jobs/mutate/, how each job went.


rule clusters:
    input:
        summary=SUMMARY,
        motifs=RESULTS.table("motifs"),
    output:
        RESULTS.table("clusters"),
    log:
        RESULTS.log("clusters"),
    conda:
        "../../envs/marginalization.yaml"
    params:
        code=CODE,
    script:
        "../scripts/clusters.py"


rule scans:
    input:
        summary=SUMMARY,
        elements=RESULTS.table("elements"),
    output:
        RESULTS.table("scans"),
    log:
        RESULTS.log("scans"),
    conda:
        "../../envs/marginalization.yaml"
    params:
        code=CODE,
    script:
        "../scripts/scans.py"


rule copies:
    input:
        summary=SUMMARY,
        arrangements=RESULTS.table("arrangements"),
    output:
        RESULTS.table("copies"),
    log:
        RESULTS.log("copies"),
    conda:
        "../../envs/marginalization.yaml"
    params:
        code=CODE,
    script:
        "../scripts/copies.py"


rule measured:
    input:
        lab_files(checks.measured_files(SCREEN)),
        summary=SUMMARY,
        elements=RESULTS.table("elements"),
        motifs=RESULTS.table("motifs"),
        annotations=RESULTS.table("annotations"),
    output:
        RESULTS.table("measured"),
    log:
        RESULTS.log("measured"),
    conda:
        "../../envs/marginalization.yaml"
    params:
        files=checks.measured_files(SCREEN),
        measured=config["measured"],
        code=CODE,
    script:
        "../scripts/measured.py"


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
