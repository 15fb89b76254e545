"""One run of a scheduler on a table: what it is made of, checked and put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from blackboxes import Blackbox, BlackboxError
from simulator import loop
from simulator.answers import Answers
from simulator.budget import Budget, Meter
from simulator.checks import check_choice, check_flag, whole
from simulator.clock import NEVER, Clock, nanoseconds
from simulator.cluster import Cluster
from simulator.cluster import loop as cluster_loop
from simulator.columns import TraceInfo
from simulator.context import Context
from simulator.errors import SimulationError
from simulator.events import MOST_TRIALS, MOST_WORKERS
from simulator.proposals import OFF_TABLE, OffTable, Proposals
from simulator.protocol import Scheduler
from simulator.raised import annotate
from simulator.registry import make_both, make_searcher, started_with
from simulator.replay import Curves, replicate_drawer
from simulator.searcher import SearchContext, Searcher
from simulator.stage import Stage, Started
from simulator.trace import Trace
from simulator.trial import Trial


class Simulation:
    """One run of a scheduler on a table.

    Args:
        blackbox: the table.
        scheduler: a `Scheduler`, or its name with arguments as on the command line: ``"asha-stopping(eta=4)"``,
            also with a searcher: ``"asha-stopping+random"``.
        workers: how many trials run at once.
        seed: names all random streams of the run.
        budget: a `Budget`, or its limit of simulated time (seconds, or text such as ``"10x"``); None: until the
            scheduler has nothing more to do.
        metric: what the scheduler sees; the table's default metric if None.
        searcher: a `Searcher`, or its name with arguments; what the scheduler comes with by default, most with
            random search.
        initial: rows, or dicts of hyperparameters, that are proposed first.
        replicate: the replicate that every trial replays; None draws one for each trial, a function of the seed,
            the row and how often the row was started before, without repeats until the row's are used up.
        off_table: what a proposal gets that no row of the table has: an ``"error"``; the ``"nearest"`` row, or the
            ``"nearest-unused"`` one that was never started; or the curve that a ``"surrogate"`` predicts (a random
            forest, `blackboxes.surrogates`; extra ``surrogate``).
        exhausted: once all rows were proposed the random searcher has nothing left (``"stop"``) or begins again
            in a new order (``"cycle"``); under ``"nearest-unused"`` so do proposals, see `Context.used_up`.
        cluster: delays, checkpoints, crashes and so on (`simulator.cluster.Cluster`): an object, the name of a preset
            with arguments, such as ``"spot(retries=5)"``, or the path of a TOML file. None: nothing of the kind.
        compiled: run the built-in rung schedulers in machine code, about ten times as fast, with the same trace (extra
            ``fast``, Numba). The scheduler and searcher objects are not asked, so that theirs is not the state of
            the run. What is covered tells `simulator.compiled.coverage.covered`.

    Raises:
        SimulationError: an argument is not what it should be; `compiled` where this run is not covered, or without
            Numba.
        SchedulerError: from `run`, the scheduler broke the protocol.

    Example:
        >>> trace = Simulation(load("mlp:digits"), "asha-stopping", workers=4, seed=0, budget="10x").run()
        >>> trace.digest()
    """

    def __init__(
        self,
        blackbox: Blackbox,
        scheduler: Scheduler | str,
        *,
        workers: int = 4,
        seed: int = 0,
        budget: Budget | float | str | None = None,
        metric: str | None = None,
        searcher: Searcher | str | None = None,
        initial: Sequence[int | Mapping[str, Any]] | None = None,
        replicate: int | None = None,
        off_table: OffTable = "error",
        exhausted: Literal["stop", "cycle"] = "stop",
        cluster: Cluster | str | None = None,
        compiled: bool = False,
    ) -> None:
        self.blackbox = blackbox
        if isinstance(scheduler, str):
            self.scheduler, self.searcher = make_both(scheduler)
        elif isinstance(scheduler, Scheduler):
            self.scheduler, self.searcher = scheduler, make_searcher(scheduler.default_searcher())
        else:
            raise SimulationError(f"scheduler: a Scheduler object or a name is needed, not {scheduler!r}")
        if searcher is not None:
            self.searcher = make_searcher(searcher) if isinstance(searcher, str) else searcher
        if not isinstance(self.searcher, Searcher):
            raise SimulationError(f"searcher: a Searcher object or a name is needed, not {searcher!r}")
        self.name = scheduler.strip() if isinstance(scheduler, str) else str(scheduler)
        if searcher is not None:
            self.name = f"{self.scheduler}+{self.searcher}"
        if initial is not None:
            self.searcher = started_with(initial, self.searcher)
        self.workers = whole("workers", workers, 1, MOST_WORKERS)
        self.seed = whole("seed", seed, 0, 2**64 - 1)
        self.budget = budget if isinstance(budget, Budget) else Budget(time=budget)
        self.metric = blackbox.metric_name(metric)
        self.replicate = None if replicate is None else whole("replicate", replicate, 0, blackbox.replicates - 1)
        check_choice("off_table", off_table, OFF_TABLE)
        self.off_table = off_table
        check_choice("exhausted", exhausted, ("stop", "cycle"))
        self.exhausted = exhausted
        if cluster is not None:
            if isinstance(cluster, str):
                cluster = Cluster.read(cluster)
            elif not isinstance(cluster, Cluster):
                raise SimulationError(
                    f"cluster: a Cluster, a preset or the path of a .toml file is needed, not {cluster!r}"
                )
        self.cluster = cluster
        check_flag("compiled", compiled)
        self.compiled = compiled
        if compiled:
            from simulator.compiled.coverage import check_covered

            check_covered(self)

    def run(self) -> Trace:
        """Simulate from time zero until the budget is used up or nothing is left to do.

        What the scheduler or the searcher raises comes through, with a note of where in the run that was.
        """
        clock = Clock()
        try:
            return self._run(clock)
        except (SimulationError, BlackboxError):
            raise
        except Exception as error:
            annotate(error, f"{self.name} on {self.blackbox.name}, seed {self.seed}", clock.now)
            raise

    def _run(self, clock: Clock) -> Trace:
        stage, compiled = self._stage(clock), None
        trials: Sequence[Trial] | Started = stage.trials
        if self.compiled:
            from simulator.compiled import running

            compiled = running.run(stage)
            if compiled is None:
                stage = self._stage(clock)
        if compiled is not None:
            record, trials = compiled
        elif self.cluster is None:
            record = loop.run(stage)
        else:
            record = cluster_loop.run(stage, self.cluster)
        table = stage.table
        if record.end >= NEVER:
            raise SimulationError(f"{table.name}: the run takes longer than {NEVER / 1e9:.3g} s, which cannot be told")
        info = TraceInfo(
            table=table.name,
            metric=self.metric,
            scheduler=self.name,
            seed=self.seed,
            workers=self.workers,
            end=record.end,
            budget=self.budget,
            off_table=self.off_table,
            exhausted=self.exhausted,
            exhausted_at=self.searcher.exhausted_at if stage.context.used_up_at is None else stage.context.used_up_at,
            closed_at=record.closed_at,
            predicted=tuple(getattr(table, "predicted", ())),
            cluster=None if self.cluster is None else self.cluster.settings(),
        )
        return Trace.packed(info, table, record, trials)

    def _stage(self, clock: Clock) -> Stage:
        """Searcher and scheduler, set up, and all else that the event loop needs."""
        table, clock.now = self.blackbox, 0
        trials: list[Trial] = []
        self.searcher.setup(SearchContext(table, self.seed, clock, self.budget.trials, self.exhausted == "cycle"))
        if self.off_table == "surrogate":
            from blackboxes.surrogates import GrownTable

            table = GrownTable(table)
        proposals = Proposals(table, self.off_table, trials, self.exhausted == "cycle")
        context = Context(table, self.workers, self.seed, clock, self.searcher, trials, proposals)
        self.scheduler.setup(context)
        draw_replicate = replicate_drawer(table, self.seed, self.replicate)
        limited = self.budget.resource is not None or self.budget.target is not None
        grid, curves = {r: i for i, r in enumerate(context.resources)}, Curves(table, self.metric)
        return Stage(
            table=table,
            scheduler=self.scheduler,
            searcher=self.searcher,
            context=context,
            clock=clock,
            curves=curves,
            answers=Answers(self.name, trials, grid, curves, draw_replicate),
            workers=self.workers,
            seed=self.seed,
            grid=grid,
            trials=trials,
            find_row=proposals.row,
            draw_replicate=draw_replicate,
            deadline=nanoseconds(self.budget.seconds(table)),
            most_trials=self.budget.trials or MOST_TRIALS,
            meter=Meter(self.budget, table, self.metric, clock) if limited else None,
        )
