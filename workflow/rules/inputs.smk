# Reads: what the config's `backgrounds` and `elements` name.
# Writes: backgrounds.parquet; elements.parquet, motifs.parquet, annotations.parquet and pairs.parquet;
# of a screen with pairs control_pairs.parquet, of one with arrangements arrangements.parquet.


rule backgrounds:
    input:
        lab_files(checks.background_files(SCREEN)),
    output:
        RESULTS.table("backgrounds"),
    log:
        RESULTS.log("backgrounds"),
    conda:
        "../../envs/marginalization.yaml"
    params:
        digest=PLAN.backgrounds_digest,
        code=CODE,
    script:
        "../scripts/backgrounds.py"


rule elements:
    input:
        lab_files(checks.element_files(SCREEN)),
    output:
        elements=RESULTS.table("elements"),
        motifs=RESULTS.table("motifs"),
        annotations=RESULTS.table("annotations"),
        pairs=RESULTS.table("pairs"),
        control_pairs=if_given("control_pairs"),
        arrangements=if_given("arrangements"),
    log:
        RESULTS.log("elements"),
    conda:
        "../../envs/marginalization.yaml"
    params:
        # Ablations are of loci, and maps of what is significant: neither is among the elements.
        tables={
            key: of
            for key, of in config["elements"].items()
            if key not in ("ablations", "maps")
        },
        digest=PLAN.elements_digest,
        code=CODE,
    script:
        "../scripts/elements.py"
