"""The report: everything an audit found on one self-contained HTML page."""

from pixsieve.report.build import Limits, build_report
from pixsieve.report.data import Report
from pixsieve.report.render import render, write_report

__all__ = [
    "Limits",
    "Report",
    "build_report",
    "render",
    "write_report",
]
