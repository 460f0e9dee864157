"""The findings: pure functions, frames and thresholds in, frame out."""

from pixsieve.findings.components import connected_components
from pixsieve.findings.duplicates import duplicates, pixel_candidates
from pixsieve.findings.flags import FLAGS, RULES, blank, flags, plain
from pixsieve.findings.graph import attach, both_ways
from pixsieve.findings.invalid import invalid_instances
from pixsieve.findings.keep import collapse, keep_rank
from pixsieve.findings.leaks import leak_counts, leaks, ordered_splits
from pixsieve.findings.mislabels import Opinions, confusion, mislabels, opinions
from pixsieve.findings.near import (
    candidate_pairs,
    match_threshold,
    near_pairs,
    unmet_pairs,
    verified,
)
from pixsieve.findings.outliers import outliers
from pixsieve.findings.placeholders import placeholders
from pixsieve.findings.similarity import similarity
from pixsieve.findings.statistics import img_stats
from pixsieve.findings.summary import Line, Summary, summary
from pixsieve.findings.video_edges import frame_edges
from pixsieve.findings.videos import duplicate_videos

__all__ = [
    "FLAGS",
    "RULES",
    "Line",
    "Opinions",
    "Summary",
    "attach",
    "blank",
    "both_ways",
    "candidate_pairs",
    "collapse",
    "confusion",
    "connected_components",
    "duplicate_videos",
    "duplicates",
    "flags",
    "frame_edges",
    "img_stats",
    "invalid_instances",
    "keep_rank",
    "leak_counts",
    "leaks",
    "match_threshold",
    "mislabels",
    "near_pairs",
    "opinions",
    "ordered_splits",
    "outliers",
    "pixel_candidates",
    "placeholders",
    "plain",
    "similarity",
    "summary",
    "unmet_pairs",
    "verified",
]
