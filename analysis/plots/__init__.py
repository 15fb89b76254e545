"""Pictures. Each is a function that takes a result and an optional Axes and returns the Axes."""

from analysis.plots.anytime import plot_anytime, plot_tasks

__all__ = ["plot_anytime", "plot_tasks"]
