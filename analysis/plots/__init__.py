"""Pictures. Each is a function that takes a result and an optional Axes and returns the Axes."""

from analysis.plots.anytime import plot_anytime, plot_tasks
from analysis.plots.critical import plot_critical_difference
from analysis.plots.profiles import plot_data_profile, plot_performance_profile
from analysis.plots.ranks import plot_ranks
from analysis.plots.rungs import plot_rungs
from analysis.plots.seeds import plot_seeds
from analysis.plots.spent import plot_spent
from analysis.plots.tables import plot_rank_correlation, plot_runtimes
from analysis.plots.targets import plot_time_to_target
from analysis.plots.trials import plot_trials
from analysis.plots.workers import plot_workers

__all__ = [
    "plot_anytime",
    "plot_critical_difference",
    "plot_data_profile",
    "plot_performance_profile",
    "plot_rank_correlation",
    "plot_ranks",
    "plot_rungs",
    "plot_runtimes",
    "plot_seeds",
    "plot_spent",
    "plot_tasks",
    "plot_time_to_target",
    "plot_trials",
    "plot_workers",
]
