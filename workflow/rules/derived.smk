# Reads: summary.parquet, the tables of elements, and what a lab measured of them.
# Writes: clusters.parquet, and of a screen with measurements measured.parquet.


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
