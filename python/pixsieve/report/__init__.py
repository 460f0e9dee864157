"""The report: everything an audit found on one self-contained HTML page."""

from pixsieve.report.build import Limits, build_report
from pixsieve.report.data import Report
from pixsieve.report.pictures import Thumbnail, load_thumbnails
from pixsieve.report.render import render, write_report

__all__ = [
    "Limits",
    "Report",
    "Thumbnail",
    "build_report",
    "load_thumbnails",
    "render",
    "write_report",
]
