# Reads: the merged tables, effects/ of all shards, provenance.json, and how the jobs and the first looks at models went.
# Writes: report.html, and its figures for papers.


rule report:
    input:
        RESULT_TABLES,
        f"{RESULTS}/provenance.json",
        f"{RESULTS}/elements.parquet",
        f"{RESULTS}/motifs.parquet",
        f"{RESULTS}/backgrounds.parquet",
        COOPERATIVITY,
        ATTRIBUTIONS,
        all_parts("effects", READOUTS),
        expand(f"{RESULTS}/models/{{model}}.json", model=config["models"]),
        records("screen", PLAN.jobs),
        records("attribute", PLAN.attribution_jobs),
    output:
        page=report(
            f"{RESULTS}/report.html",
            caption="../report/report.rst",
            category="Marginal effects",
            labels={"screen": config["screen"], "what": "report"},
        ),
        figures=report(
            directory(f"{RESULTS}/figures"),
            patterns=["{figure}.svg"],
            caption="../report/figures.rst",
            category="Marginal effects",
            labels={"screen": config["screen"], "what": "{figure}"},
        ),
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        "../../envs/marginalization.yaml"
    params:
        code=CODE,
    script:
        "../scripts/report.py"
