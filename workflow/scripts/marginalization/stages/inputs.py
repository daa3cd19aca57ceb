"""The jobs of inputs.smk: what is substituted, and into what."""

from __future__ import annotations

from typing import Any

from ..config.sections import Config
from ..design.backgrounds import equal_backgrounds, select_backgrounds, transform_backgrounds
from ..design.elements import CONTROL_KINDS, read_elements
from ..jobs.provenance import facts
from ..store.files import write_table
from ..store.schemas import ANNOTATIONS, ARRANGEMENTS, BACKGROUNDS, CONTROL_PAIRS, ELEMENTS, MOTIFS, PAIRS
from .job import as_job


def backgrounds(snakemake: Any) -> None:
    """Select and transform the backgrounds."""
    with as_job(snakemake):
        config = Config.of(snakemake.config)
        selected, counts = select_backgrounds(config)
        spec = config.backgrounds
        table = transform_backgrounds(selected, spec.transform, spec.copies, config.seed, spec.local_bin)
        write_table(table, snakemake.output[0], BACKGROUNDS, {**facts(snakemake.config), "counts": counts})
        print(", ".join(f"{reason}: {n:,}" for reason, n in counts.items()))
        for warning in equal_backgrounds(table):
            print(warning)


def elements(snakemake: Any) -> None:
    """Read motifs, annotations and pairs; those of equal sequence are one element."""
    with as_job(snakemake):
        config = Config.of(snakemake.config)
        elements, motifs, annotations, pairs, dropped, warnings, control_pairs, arrangements = read_elements(config)
        of_control = elements["kind"].isin(CONTROL_KINDS)
        counts = {
            "motifs": len(motifs),
            "annotations": len(annotations),
            "annotations_with_unknown_letters": int((annotations["n_unknown"] > 0).sum()),
            "unknown_letters": int(annotations["n_unknown"].sum()),
            **{f"{what}_of_n_alone": n for what, n in dropped.items()},
            "pairs": len(pairs),
            "elements": int((~of_control).sum()),
            "controls": int(of_control.sum()),
        }
        made_from = {**facts(snakemake.config), "counts": counts}
        write_table(elements, snakemake.output.elements, ELEMENTS, made_from)
        write_table(motifs, snakemake.output.motifs, MOTIFS, made_from)
        write_table(annotations, snakemake.output.annotations, ANNOTATIONS, made_from)
        write_table(pairs, snakemake.output.pairs, PAIRS, made_from)
        for path in snakemake.output.arrangements:
            write_table(arrangements, path, ARRANGEMENTS, made_from)
        for path in snakemake.output.control_pairs:
            write_table(control_pairs, path, CONTROL_PAIRS, made_from)
        print(", ".join(f"{what}: {n:,}" for what, n in counts.items()))
        for warning in warnings:
            print(warning)
        if counts["unknown_letters"]:
            print("An N in an annotation keeps the background's base there.")
