# Reads: nothing.
# Writes: the demo's genome, once: not by a job, because the plan of jobs is made from it.
import subprocess
import sys
from pathlib import Path

if (
    Path("config/demo/genome.py").exists()
    and not Path("config/demo/data/affinities.tsv").exists()
):
    subprocess.run([sys.executable, "config/demo/genome.py"], check=True)
