"""Snakemake, whose plugin asks SLURM for the state of jobs each second.

By itself it pauses for ten seconds more with each answer that no job has ended: jobs of seconds would be waited for
longer than they take.
"""

from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor

Executor.next_seconds_between_status_checks = property(lambda self: 1, lambda self, seconds: None)
main()
