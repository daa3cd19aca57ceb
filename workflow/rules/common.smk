# Reads: the config and all inputs of the screen, but for the models.
# Gives: the checked config, the plan of the screen (its shards), and the names of its files.
import os
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod

sys.path.insert(
    0,
    str(
        Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parent
        / "scripts"
    ),
)

from marginalization.config.attributions import attribution_files, attribution_readouts
from marginalization.store.checksums import check_all
from marginalization.config.checks import (
    background_files,
    element_files,
    model_files,
    profile_readouts,
    readouts_of,
    require_writable,
)
from marginalization.config.text import check_text
from marginalization.config.dependencies import code_digest
from marginalization.errors import InputError
from marginalization.design.plan import make_plan, rate_file
from marginalization.config.resolving import resolve
from marginalization.jobs.stale import check_reads, other_code

SCHEMA = workflow.source_path("../schemas/config.schema.yaml")

try:
    for path in workflow.configfiles:
        check_text(path)
    own_environment = (
        DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
    )
    resolve(config, SCHEMA, jobs_here=not own_environment)
    # Where they lie when this is a module with a prefix; in rules Snakemake itself sees to that.
    WHERE = str(workflow.modifier.modify_path(f"results/{config['screen']}"))
    require_writable(WHERE)
    if workflow.is_main_process:
        check_reads(WHERE, list(config["models"]))
        check_all(Path(WHERE))
    PLAN = make_plan(config)
    MODEL_FILES = {model: model_files(config, model) for model in config["models"]}
except InputError as error:
    raise WorkflowError(str(error)) from None

# Jobs on other machines parse the workflow again; what a person typed is known in the first process alone.
os.environ.setdefault("MARGINALIZATION_COMMAND", shlex.join(sys.argv))

RESULTS = f"results/{config['screen']}"
CODE = code_digest()
GPUS = 0 if config["compute"]["device"] == "cpu" else 1
READOUTS = list(readouts_of(config))
PROFILES = profile_readouts(config)
INPUT_FILES = sorted(
    {
        *background_files(config),
        *element_files(config),
        *sum(MODEL_FILES.values(), []),
    }
)
RESULT_TABLES = [
    f"{RESULTS}/{table}.parquet"
    for table in ["summary", *(["profiles"] if PROFILES else [])]
]
ATTRIBUTIONS = [f"{RESULTS}/attributions.parquet"] if "attributions" in config else []
COOPERATIVITY = (
    [f"{RESULTS}/cooperativity.parquet"] if config["elements"]["pairs"] else []
)

if workflow.is_main_process:
    logger.info(f"Screen {config['screen']}: {PLAN.describe()}.")
    for warning in [
        *PLAN.input_warnings,
        PLAN.warning(config["shards"]),
        other_code(WHERE),
    ]:
        if warning:
            logger.warning(warning)


def lab_files(paths):
    """Inputs of the lab's own: the prefix of a workflow that includes this one is for results alone."""
    return [local(path) for path in paths]


def part(folder, readout):
    """A job's file for one readout; the folders make a dataset partitioned by model and readout."""
    return f"{RESULTS}/{folder}/model={{model}}/readout={readout}/{{job}}.parquet"


def all_parts(folder, readouts, jobs=PLAN.jobs):
    """The files of all jobs, which are those of the effects unless others are given."""
    return [
        part(folder, readout).format(model=model, job=job)
        for readout in readouts
        for model, of_model in jobs.items()
        for job in of_model
    ]


def records(rule, jobs):
    """How each job of a rule went."""
    return [
        f"{RESULTS}/jobs/{rule}/{model}/{job}.json"
        for model, of_model in jobs.items()
        for job in of_model
    ]


wildcard_constraints:
    model="[A-Za-z0-9._-]+",
    job="[0-9]+of[0-9]+-[0-9]+of[0-9]+-[0-9a-f]+",
