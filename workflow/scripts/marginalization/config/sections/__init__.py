"""The config, section by section: the one source of its keys, their types, defaults, bounds and meanings.

From these dataclasses config/generate.py writes the schema, the tables of config/README.md and the demo's comments.

Open first: `screens.py`, the whole config.
"""

from .models import Input as Input
from .models import Model as Model
from .readouts import Profile as Profile
from .readouts import Readout as Readout
from .readouts import TargetTable as TargetTable
from .screens import DEEP_LIFT_SHAP as DEEP_LIFT_SHAP
from .screens import SATURATION_MUTAGENESIS as SATURATION_MUTAGENESIS
from .screens import Attributions as Attributions
from .screens import Comparison as Comparison
from .screens import Compute as Compute
from .screens import Config as Config
from .screens import Measured as Measured
from .screens import Shards as Shards
