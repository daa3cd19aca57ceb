# Reads: what the config's `backgrounds` and `elements` name.
# Writes: backgrounds.parquet; elements.parquet, motifs.parquet, annotations.parquet and pairs.parquet.


rule backgrounds:
    input:
        lab_files(background_files(config)),
    output:
        f"{RESULTS}/backgrounds.parquet",
    log:
        f"{RESULTS}/logs/backgrounds.log",
    conda:
        "../../envs/marginalization.yaml"
    params:
        digest=PLAN.backgrounds_digest,
        code=CODE,
    script:
        "../scripts/backgrounds.py"


rule elements:
    input:
        lab_files(element_files(config)),
    output:
        elements=f"{RESULTS}/elements.parquet",
        motifs=f"{RESULTS}/motifs.parquet",
        annotations=f"{RESULTS}/annotations.parquet",
        pairs=f"{RESULTS}/pairs.parquet",
    log:
        f"{RESULTS}/logs/elements.log",
    conda:
        "../../envs/marginalization.yaml"
    params:
        tables=config["elements"],
        digest=PLAN.elements_digest,
        code=CODE,
    script:
        "../scripts/elements.py"
