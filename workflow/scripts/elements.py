"""Read motifs, annotations and pairs; those of equal sequence are one element."""

from marginalization.design.elements import read_elements
from marginalization.jobs.job import as_job
from marginalization.jobs.provenance import facts
from marginalization.store.files import write_table
from marginalization.store.schemas import ANNOTATIONS, ELEMENTS, MOTIFS, PAIRS

with as_job(snakemake):
    elements, motifs, annotations, pairs, dropped, warnings = read_elements(snakemake.config)
    counts = {
        "motifs": len(motifs),
        "annotations": len(annotations),
        "annotations_with_unknown_letters": int((annotations["n_unknown"] > 0).sum()),
        "unknown_letters": int(annotations["n_unknown"].sum()),
        **{f"{what}_of_n_alone": n for what, n in dropped.items()},
        "pairs": len(pairs),
        "elements": int((elements["kind"] != "control").sum()),
        "controls": int((elements["kind"] == "control").sum()),
    }
    made_from = {**facts(snakemake.config), "counts": counts}
    write_table(elements, snakemake.output.elements, ELEMENTS, made_from)
    write_table(motifs, snakemake.output.motifs, MOTIFS, made_from)
    write_table(annotations, snakemake.output.annotations, ANNOTATIONS, made_from)
    write_table(pairs, snakemake.output.pairs, PAIRS, made_from)
    print(", ".join(f"{what}: {n:,}" for what, n in counts.items()))
    for warning in warnings:
        print(warning)
    if counts["unknown_letters"]:
        print("An N in an annotation keeps the background's base there.")
