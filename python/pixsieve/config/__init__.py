"""The settings of a run."""

from pixsieve.config.checks import within
from pixsieve.config.settings import LIMITS, OUTLIER_PERCENTILE, PRODUCTS, Config
from pixsieve.config.work_dir import default_work_dir, named_inputs

__all__ = [
    "LIMITS",
    "OUTLIER_PERCENTILE",
    "PRODUCTS",
    "Config",
    "default_work_dir",
    "named_inputs",
    "within",
]
