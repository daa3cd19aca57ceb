# Reads: summary.parquet, and what a lab measured of its elements.
# Writes: measured.parquet.


rule measured:
    input:
        lab_files(checks.measured_files(SCREEN)),
        summary=MERGED[0],
        elements=RESULTS.table("elements"),
        motifs=RESULTS.table("motifs"),
        annotations=RESULTS.table("annotations"),
    output:
        MEASURED,
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
