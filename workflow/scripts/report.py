"""Write the report of the screen, and its figures for papers."""

from pathlib import Path

from marginalization.jobs.job import as_job
from marginalization.store.superseded import set_aside
from marginalization.view.report.figures import write_figures
from marginalization.view.report.page import write_report

with as_job(snakemake):
    page, figures = Path(snakemake.output.page), Path(snakemake.output.figures)
    # Here, because it is the report alone that is written again when the config gives a table less.
    parts = {} if "attributions" in snakemake.config else {"attribution_sums": []}
    for path in set_aside(page.parent, parts, [Path(path).name for path in snakemake.input]):
        print(f"{path} is of an earlier plan of this screen; moved to {page.parent / 'superseded'}")
    contents = write_report(page.parent, page)
    figures.mkdir(parents=True, exist_ok=True)
    write_figures(contents, figures)
    shown = contents["facts"]
    print(f"{shown['shown']:,} of {shown['n_elements']:,} elements, {shown['detailed']:,} of them with details")
