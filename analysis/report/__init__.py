"""The report: one page of HTML that needs nothing else, to look into runs with."""

from analysis.report.contents import contents
from analysis.report.page import Panel, Report, Sortable, page, write_report
from analysis.report.replays import replays

__all__ = ["Panel", "Report", "Sortable", "contents", "page", "replays", "write_report"]
