"""What runs tell: anytime performance, paired differences, summaries and pictures."""

from analysis.anytime import anytime, best_so_far
from analysis.paired import Paired, paired
from analysis.plots import plot_anytime
from analysis.runs import as_runs, by_cost, load_runs
from analysis.summary import summarise

__all__ = ["Paired", "anytime", "as_runs", "best_so_far", "by_cost", "load_runs", "paired", "plot_anytime", "summarise"]
