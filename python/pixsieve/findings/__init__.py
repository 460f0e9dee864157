"""The findings: pure functions, frames and thresholds in, frame out."""

from pixsieve.findings.components import connected_components
from pixsieve.findings.duplicates import duplicates, pixel_candidates
from pixsieve.findings.invalid import invalid_instances
from pixsieve.findings.keep import collapse, keep_rank
from pixsieve.findings.leaks import leaks
from pixsieve.findings.mislabels import mislabels
from pixsieve.findings.near import (
    candidate_pairs,
    match_threshold,
    near_pairs,
    unmet_pairs,
    verified,
)
from pixsieve.findings.outliers import outliers
from pixsieve.findings.similarity import similarity
from pixsieve.findings.statistics import img_stats
from pixsieve.findings.summary import Line, Summary, summary

__all__ = [
    "Line",
    "Summary",
    "candidate_pairs",
    "collapse",
    "connected_components",
    "duplicates",
    "img_stats",
    "invalid_instances",
    "keep_rank",
    "leaks",
    "match_threshold",
    "mislabels",
    "near_pairs",
    "outliers",
    "pixel_candidates",
    "similarity",
    "summary",
    "unmet_pairs",
    "verified",
]
