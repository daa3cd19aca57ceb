# Reads: the merged tables, effects/ of all shards, provenance.json, and how the jobs and the first looks at models went.
# Writes: report.html, and its figures for papers.


rule report:
    input:
        SUMMARY,
        RESULTS.provenance,
        RESULTS.table("elements"),
        RESULTS.table("motifs"),
        RESULTS.table("backgrounds"),
        TABLES.values(),
        EFFECTS,
        PROBES,
        records("screen", PLAN.jobs),
        records("attribute", PLAN.attribution_jobs),
        records("ablate", PLAN.ablation_jobs),
        records("mutate", MAP_JOBS),
    output:
        page=report(
            RESULTS.report,
            caption="../report/report.rst",
            category="Marginal effects",
            labels={"screen": SCREEN.screen, "what": "report"},
        ),
        figures=report(
            directory(RESULTS.figures),
            patterns=[RESULTS.figure("{figure}", "svg").name],
            caption="../report/figures.rst",
            category="Marginal effects",
            labels={"screen": SCREEN.screen, "what": "{figure}"},
        ),
    log:
        RESULTS.log("report"),
    conda:
        "../../envs/marginalization.yaml"
    params:
        code=CODE,
    script:
        "../scripts/report.py"
