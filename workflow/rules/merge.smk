# Reads: effects/ and profile_sums/ of all shards.
# Writes: summary.parquet, profiles.parquet, scans.parquet, copies.parquet, cooperativity.parquet, pairs_summary.parquet,
# differential.parquet, provenance.json.


rule merge:
    input:
        effects=EFFECTS,
        profiles=parts("profile_sums", PROFILES, PLAN.jobs),
        probes=PROBES,
        elements=RESULTS.table("elements"),
        arrangements=ARRANGEMENTS if COPIES else [],
        backgrounds=RESULTS.table("backgrounds"),
    output:
        MERGED,
    log:
        RESULTS.log("merge"),
    benchmark:
        RESULTS.benchmark("merge")
    conda:
        "../../envs/marginalization.yaml"
    params:
        files=INPUT_FILES,
        code=CODE,
    script:
        "../scripts/merge.py"


rule cooperativity:
    input:
        effects=EFFECTS,
        probes=PROBES,
        elements=RESULTS.table("elements"),
        pairs=RESULTS.table("pairs"),
        control_pairs=RESULTS.table("control_pairs"),
    output:
        RESULTS.table("cooperativity"),
        RESULTS.table("pairs_summary"),
    log:
        RESULTS.log("cooperativity"),
    benchmark:
        RESULTS.benchmark("cooperativity")
    conda:
        "../../envs/marginalization.yaml"
    params:
        files=INPUT_FILES,
        code=CODE,
    script:
        "../scripts/cooperativity.py"


rule differential:
    input:
        effects=EFFECTS,
        probes=PROBES,
        elements=RESULTS.table("elements"),
    output:
        RESULTS.table("differential"),
    log:
        RESULTS.log("differential"),
    benchmark:
        RESULTS.benchmark("differential")
    conda:
        "../../envs/marginalization.yaml"
    params:
        files=INPUT_FILES,
        code=CODE,
    script:
        "../scripts/differential.py"


rule provenance:
    input:
        MERGED,
        backgrounds=RESULTS.table("backgrounds"),
        annotations=RESULTS.table("annotations"),
    output:
        RESULTS.provenance,
    log:
        RESULTS.log("provenance"),
    conda:
        "../../envs/marginalization.yaml"
    params:
        jobs=PLAN.jobs,
    script:
        "../scripts/provenance.py"
