# Reads: effects/ and profile_sums/ of all shards.
# Writes: summary.parquet, profiles.parquet, cooperativity.parquet, provenance.json.


rule merge:
    input:
        effects=all_parts("effects", READOUTS),
        profiles=all_parts("profile_sums", PROFILES),
        probes=expand(f"{RESULTS}/models/{{model}}.json", model=config["models"]),
        elements=f"{RESULTS}/elements.parquet",
        backgrounds=f"{RESULTS}/backgrounds.parquet",
    output:
        RESULT_TABLES,
    log:
        f"{RESULTS}/logs/merge.log",
    benchmark:
        f"{RESULTS}/benchmarks/merge.tsv"
    conda:
        "../../envs/marginalization.yaml"
    params:
        files=INPUT_FILES,
        code=CODE,
    script:
        "../scripts/merge.py"


rule cooperativity:
    input:
        effects=all_parts("effects", READOUTS),
        probes=expand(f"{RESULTS}/models/{{model}}.json", model=config["models"]),
        elements=f"{RESULTS}/elements.parquet",
        pairs=f"{RESULTS}/pairs.parquet",
    output:
        f"{RESULTS}/cooperativity.parquet",
    log:
        f"{RESULTS}/logs/cooperativity.log",
    benchmark:
        f"{RESULTS}/benchmarks/cooperativity.tsv"
    conda:
        "../../envs/marginalization.yaml"
    params:
        files=INPUT_FILES,
        code=CODE,
    script:
        "../scripts/cooperativity.py"


rule provenance:
    input:
        RESULT_TABLES,
        f"{RESULTS}/backgrounds.parquet",
        f"{RESULTS}/annotations.parquet",
    output:
        f"{RESULTS}/provenance.json",
    log:
        f"{RESULTS}/logs/provenance.log",
    conda:
        "../../envs/marginalization.yaml"
    params:
        jobs=PLAN.jobs,
    script:
        "../scripts/provenance.py"
