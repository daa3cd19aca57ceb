"""`snakemake --logger marginalization`: a line of progress, and a line for each error, in place of Snakemake's own."""

from marginalization.commands.progress import LogHandler

__all__ = ["LogHandler"]
