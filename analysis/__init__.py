"""What runs tell: anytime performance, paired differences, summaries and pictures."""

from analysis.aggregates import Aggregate, aggregate
from analysis.anytime import anytime
from analysis.bayes import bayesian_signed_rank
from analysis.curves import Curves, curves
from analysis.finding import finding
from analysis.friedman import Friedman, friedman
from analysis.improvement import probability_of_improvement
from analysis.jobs import Jobs, fates, jobs
from analysis.paired import Paired, paired
from analysis.pairing import averaged, complete, reach, scores
from analysis.pairs import compare_all
from analysis.plots import (
    plot_anytime,
    plot_critical_difference,
    plot_data_profile,
    plot_performance_profile,
    plot_rank_correlation,
    plot_ranks,
    plot_rungs,
    plot_runtimes,
    plot_seeds,
    plot_spent,
    plot_tasks,
    plot_time_to_target,
    plot_trials,
    plot_workers,
)
from analysis.profiles import data_profile, performance_profile
from analysis.ranks import Ranks, average_ranks
from analysis.results import regret_table, speed_table
from analysis.runs import as_runs, load_runs
from analysis.scores import Scores
from analysis.seeds import IntervalWidths, interval_widths
from analysis.style import save_picture
from analysis.summary import summarise
from analysis.tables import Column, ResultTable
from analysis.targets import Reached, expected_time, log_rank, speed_up, time_to_target

__all__ = [
    "Aggregate",
    "Column",
    "Curves",
    "Friedman",
    "IntervalWidths",
    "Jobs",
    "Paired",
    "Ranks",
    "Reached",
    "ResultTable",
    "Scores",
    "aggregate",
    "anytime",
    "as_runs",
    "average_ranks",
    "averaged",
    "bayesian_signed_rank",
    "compare_all",
    "complete",
    "curves",
    "data_profile",
    "expected_time",
    "fates",
    "finding",
    "friedman",
    "interval_widths",
    "jobs",
    "load_runs",
    "log_rank",
    "paired",
    "performance_profile",
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
    "probability_of_improvement",
    "reach",
    "regret_table",
    "save_picture",
    "scores",
    "speed_table",
    "speed_up",
    "summarise",
    "time_to_target",
]
