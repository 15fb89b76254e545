"""What runs tell: anytime performance, paired differences, summaries and pictures."""

from analysis.anytime import anytime
from analysis.curves import Curves, curves
from analysis.paired import Paired, paired
from analysis.pairing import averaged, complete, reach, scores
from analysis.plots import plot_anytime
from analysis.runs import as_runs, load_runs
from analysis.scores import Scores
from analysis.style import save_picture
from analysis.summary import summarise

__all__ = [
    "Curves",
    "Paired",
    "Scores",
    "anytime",
    "as_runs",
    "averaged",
    "complete",
    "curves",
    "load_runs",
    "paired",
    "plot_anytime",
    "reach",
    "save_picture",
    "scores",
    "summarise",
]
