# Reads: effects/ and profile_sums/ of all shards.
# Writes: summary.parquet, profiles.parquet, cooperativity.parquet, pairs_summary.parquet, differential.parquet,
# context.parquet, loci.parquet, provenance.json.


rule merge:
    input:
        effects=EFFECTS,
        profiles=parts("profile_sums", PROFILES, PLAN.jobs),
        probes=PROBES,
        elements=RESULTS.table("elements"),
        backgrounds=RESULTS.table("backgrounds"),
    output:
        SUMMARY,
        if_given("profiles"),
    log:
        RESULTS.log("merge"),
    benchmark:
        RESULTS.benchmark("merge")
    conda:
        "../../envs/marginalization.yaml"
    params:
        files=INPUT_FILES,
        groups=config["groups"],
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
        groups=config["groups"],
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
        compare=config["compare"],
        groups=config["groups"],
        code=CODE,
    script:
        "../scripts/differential.py"


rule context:
    input:
        lab_files(checks.background_files(SCREEN)),
        summary=SUMMARY,
        effects=EFFECTS,
        probes=PROBES,
        elements=RESULTS.table("elements"),
        backgrounds=RESULTS.table("backgrounds"),
    output:
        context=RESULTS.table("context"),
        loci=RESULTS.table("loci"),
    log:
        RESULTS.log("context"),
    benchmark:
        RESULTS.benchmark("context")
    conda:
        "../../envs/marginalization.yaml"
    params:
        files=INPUT_FILES,
        loci=config["backgrounds"].get("loci"),
        code=CODE,
    script:
        "../scripts/context.py"


rule provenance:
    input:
        SUMMARY,
        backgrounds=RESULTS.table("backgrounds"),
        annotations=RESULTS.table("annotations"),
        further=lab_files(FURTHER_FILES),
    output:
        RESULTS.provenance,
    log:
        RESULTS.log("provenance"),
    conda:
        "../../envs/marginalization.yaml"
    params:
        jobs=PLAN.jobs,
        config=checks.config_hash(config),
    script:
        "../scripts/provenance.py"
