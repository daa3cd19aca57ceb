# Reads: the config and all inputs of the screen, without the models.
# Gives: the checked config, the plan of the screen (its shards), and the names of its files.
import os
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod

VERSION = "0.9.0"  # of this workflow, and so of the package that it calls
HERE = workflow.current_basedir
sys.path.insert(0, str(Path(HERE.get_path_or_uri(secret_free=True)).parent / "scripts"))

try:
    from marginalization import __version__ as installed
except ImportError:
    installed = "none"
if installed != VERSION:
    # Where Snakemake fetches the workflow from a repository, the package is not among what it fetches.
    fetched = hasattr(HERE, "repo")
    source = f" @ git+https://{HERE.host}/{HERE.repo}@v" if fetched else "=="
    raise WorkflowError(
        f"this workflow needs the package marginalization of version {VERSION}, and the environment of Snakemake has "
        f"{installed}: pip install 'marginalization[workflow]{source}{VERSION}'"
    )

from marginalization.config import checks
from marginalization.config.ablations import ablation_files
from marginalization.config.attributions import attribution_files, attribution_readouts
from marginalization.config.dependencies import code_digest
from marginalization.config.resolving import resolve
from marginalization.config.stale import check_reads
from marginalization.config.text import check_text
from marginalization.design.plan import make_plan
from marginalization.errors import InputError
from marginalization.maps.plan import map_jobs
from marginalization.store.checksums import check_all
from marginalization.store.paths import JOB, MODEL, Results
from marginalization.view.outlook import outlook

# Ways to deploy software by which jobs do not run in Snakemake's own environment.
ELSEWHERE = {DeploymentMethod.CONDA, DeploymentMethod.APPTAINER}
SCHEMA = workflow.source_path("../schemas/config.schema.yaml")

try:
    for path in workflow.configfiles:
        check_text(path)
    deployment = workflow.deployment_settings.deployment_method
    SCREEN = resolve(config, SCHEMA, jobs_here=not deployment & ELSEWHERE)
    RESULTS = Results.of_screen(SCREEN.screen)
    # Where they lie when this is a module with a prefix; in rules Snakemake itself sees to that.
    WHERE = Results(Path(workflow.modifier.modify_path(str(RESULTS))))
    checks.require_writable(WHERE.folder)
    if workflow.is_main_process:
        check_reads(WHERE, SCREEN.models, SCREEN.effects_dataset)
        check_all(WHERE)
    PLAN = make_plan(config)
    MAP_JOBS = map_jobs(PLAN, SCREEN)
    MODEL_FILES = {model: checks.model_files(SCREEN, model) for model in SCREEN.models}
except InputError as error:
    raise WorkflowError(str(error)) from None

# Jobs on other machines parse the workflow again; what a person typed is known in the first process alone.
os.environ.setdefault("MARGINALIZATION_COMMAND", shlex.join(sys.argv))

if workflow.is_main_process:
    # By this the workflow's logger plugin knows of the screen (see the core's commands.progress).
    about = {
        "screen": {
            "marginals": PLAN.n_computed,
            "shards": PLAN.n_jobs,
            "report": str(WHERE.report),
        }
    }
    logger.info(f"Screen {SCREEN.screen}: {PLAN.describe()}.", extra=about)
    if PLAN.verdicts:
        logger.info(f"Verdicts: {PLAN.verdicts}.", extra=about)
    ahead = outlook(SCREEN, PLAN, WHERE)
    if ahead.disk:
        logger.info(f"Disk: {ahead.disk.describe(SCREEN)}.", extra=about)
    for warning in ahead.warnings:
        logger.warning(warning)


def lab_files(paths):
    """Inputs of the lab's own: the prefix of a workflow that includes this one is for results alone."""
    return [local(path) for path in paths]


def parts(dataset, readouts, jobs):
    """The parts of jobs, given by their models."""
    return [
        RESULTS.part(dataset, model, readout, job)
        for readout in readouts
        for model, of_model in jobs.items()
        for job in of_model
    ]


def records(rule, jobs):
    """How each job of a rule went."""
    return [RESULTS.record(rule, model, job) for model in jobs for job in jobs[model]]


def if_given(name):
    """A table that not every screen gives, for the rule that makes it beside others."""
    return [TABLES[name]] if name in TABLES else []


EACH = {"{model}": ["{job}"]}  # job of a rule
CODE = code_digest()
GPUS = 0 if SCREEN.compute.device == "cpu" else 1
READOUTS = list(checks.readouts_of(SCREEN))
PROFILES = checks.profile_readouts(SCREEN)
OF_INPUTS = {*checks.background_files(SCREEN), *checks.element_files(SCREEN)}
INPUT_FILES = sorted(OF_INPUTS.union(*MODEL_FILES.values()))
# What no effect depends on, but tables beside the summary do.
FURTHER_FILES = sorted(
    {
        *attribution_files(SCREEN),
        *ablation_files(SCREEN),
        *checks.measured_files(SCREEN),
    }.difference(INPUT_FILES)
)

PROBES = [RESULTS.probe(model) for model in SCREEN.models]
EFFECTS = parts(SCREEN.effects_dataset, READOUTS, PLAN.jobs)
SUMMARY = RESULTS.table("summary")
# The tables that not every screen gives, and this one does.
TABLES = {
    name: RESULTS.table(name) for name, given in SCREEN.further_tables.items() if given
}


wildcard_constraints:
    model=MODEL,
    job=JOB,
