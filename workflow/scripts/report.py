"""Write the report of the screen, and its figures for papers."""

from pathlib import Path

from marginalization.job import as_job
from marginalization.report.figures import write_figures
from marginalization.report.page import write_report

with as_job(snakemake):
    page, figures = Path(snakemake.output.page), Path(snakemake.output.figures)
    contents = write_report(page.parent, page)
    figures.mkdir(parents=True, exist_ok=True)
    write_figures(contents, figures)
    shown = contents["facts"]
    print(f"{shown['shown']:,} of {shown['n_elements']:,} elements, {shown['detailed']:,} of them with details")
