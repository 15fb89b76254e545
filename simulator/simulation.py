"""The event loop: replays a scheduler over a table in simulated time.

One instant goes: the reports that are due, by trial id; then idle workers, by number, ask for jobs, until one is
told that there is none. A job that costs nothing repeats this within the instant; a trial that continues at no cost
reports again at once, so that asking more often changes nothing. Time is an integer number of nanoseconds. Between two
points at which the scheduler asked to be asked there is no event.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush, heapreplace
from math import floor, inf
from operator import index as whole_number
from typing import Any, Literal, NoReturn

from blackboxes import Blackbox
from simulator.budget import Budget, Meter
from simulator.checks import check_choice, whole
from simulator.clock import NEVER, Clock, format_time, nanoseconds
from simulator.context import Context
from simulator.decision_time import DECIDED, DecisionTime, serial_server
from simulator.errors import SchedulerError, SimulationError
from simulator.events import (
    CANCELLED,
    COMPLETE,
    CONTINUED,
    CURVE_END,
    CUT_OFF,
    MOST_TRIALS,
    MOST_WORKERS,
    PAUSED_AT,
    RESUME,
    START,
    STOPPED,
    WORKER,
)
from simulator.proposals import OFF_TABLE, OffTable, Proposals
from simulator.protocol import PAUSE, STOP, Continue, Resume, Scheduler, Start
from simulator.registry import make_both, make_searcher, started_with
from simulator.replay import Curves, curve_clipper, index_when_cut, replicate_drawer
from simulator.searcher import End, Report, SearchContext, Searcher, teaching
from simulator.trace import Trace, TraceInfo
from simulator.trial import ENDED, PAUSED, TRIAL_CANCELLED, Continuation, Trial

FLUSH = 1 << 12  # every so many trials the words, up to 40 bytes each in a list, move to an array, 8 bytes each
Event = tuple[int, int, Trial]  # time of a report in nanoseconds, trial id, trial


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
            in a new order (``"cycle"``).
        decision_time: what a model takes to choose a job, in simulated time: a `DecisionTime`, or text such as
            ``"0.05 + 2e-9 n^3"``, seconds for n observations. One decision at a time; workers that ask meanwhile
            wait. None: no time. Jobs that no model chose take none, nor do answers to reports.

    Raises:
        SimulationError: an argument is not what it should be.
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
        decision_time: DecisionTime | str | None = None,
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
        if isinstance(decision_time, str):
            decision_time = DecisionTime.read(decision_time)
        elif not isinstance(decision_time, DecisionTime | None):
            raise SimulationError(
                f"decision_time: a DecisionTime or text such as '0.05 + 2e-9 n^3' is needed, not {decision_time!r}"
            )
        self.decision_time = decision_time

    def run(self) -> Trace:
        """Simulate from time zero until the budget is used up or nothing is left to do."""
        table, scheduler, metric = self.blackbox, self.scheduler, self.metric
        clock = Clock()
        searcher, cycle = self.searcher, self.exhausted == "cycle"
        searcher.setup(SearchContext(table, self.seed, clock, self.budget.trials, cycle))
        if self.off_table == "surrogate":
            from blackboxes.surrogates import GrownTable

            table = GrownTable(table)
        trials: list[Trial] = []
        find_row = Proposals(table, self.off_table, trials).row
        context = Context(table, self.workers, self.seed, clock, searcher, trials, find_row)
        scheduler.setup(context)
        next_job = scheduler.next_job
        on_report: Report = scheduler.on_report
        on_end: End = scheduler.on_end
        learner = searcher if searcher.learns else None
        if learner is not None:
            on_report, on_end = teaching(learner, on_report, on_end)
        draw_replicate = replicate_drawer(table, self.seed, self.replicate)
        limited = self.budget.resource is not None or self.budget.target is not None
        meter = Meter(self.budget, table, metric) if limited else None

        curves = Curves(table, metric)
        values, negate, elapsed = curves.values, curves.sign < 0, curves.elapsed
        clip, shortest = curve_clipper(curves), table.shortest
        resources, rows = context.resources, len(table)
        grid, end_of_grid = {r: i for i, r in enumerate(resources)}, len(resources) - 1
        from_scratch = not table.resumable
        deadline = nanoseconds(self.budget.seconds(table))
        most_trials = self.budget.trials or MOST_TRIALS
        flush_at = min(FLUSH, most_trials)
        idle = list(range(self.workers))  # a heap of worker numbers
        marks = [worker << WORKER for worker in idle]
        heap: list[Event] = []
        if self.decision_time is not None:
            next_job = serial_server(next_job, self.decision_time, scheduler, searcher, clock, heap, trials)
        records: list[array[int] | list[int]] = []  # see events.py; filled from `words` now and then
        words: list[int] = []
        write, stops, now = words.extend, context._stops, 0

        while True:
            while idle and now < deadline and (meter is None or not meter.used_up):  # idle workers ask for jobs
                job = next_job()
                if type(job) is Start:
                    number = len(trials)
                    if number >= flush_at:
                        if number >= most_trials:
                            break
                        flush_at = min(number + FLUSH, most_trials)
                        records.append(array("q", words))
                        words.clear()
                    row = job.config
                    try:
                        if type(row) is not int or not 0 <= row < rows:
                            row = find_row(row)
                        target = grid[job.until]
                    except (LookupError, TypeError, ValueError) as error:
                        self._illegal_start(job, error, grid, now)
                    if job.checkpoint_of is None:
                        trial = Trial(number, row, draw_replicate(row) if draw_replicate else 0, job.tag, curves, now)
                    else:
                        trial = self._from_checkpoint(job, row, target, trials, draw_replicate, curves, now)
                    trials.append(trial)
                    event = START
                elif job is None:
                    break
                else:
                    trial, target = self._paused(job, trials, grid, now)
                    trial._offset = now - trial._busy
                    number, event = trial.id, RESUME
                worker = trial._worker = heappop(idle)
                write((now, number, event + marks[worker] + target))
                if target >= shortest:
                    target = clip(trial, target)
                trial._target = target
                due = trial._offset + floor(elapsed[trial._base + target] * 1e9 + 0.5)
                heappush(heap, (due, number, trial))
                if learner is not None:
                    learner.on_start(trial, job.until)
                if meter is not None:
                    deadline = meter.begin(trial, due)
                if stops:
                    deadline = self._cancel(stops, trials, idle, write, now, meter, deadline)
            if stops:  # by a `next_job` that gave no job
                deadline = self._cancel(stops, trials, idle, write, now, meter, deadline)

            latest = deadline
            while heap:  # the reports of the next instant, by trial id
                due, number, trial = heap[0]
                worker = trial._worker
                if worker < 0:  # cancelled while it ran, or no trial, but the end of a decision
                    if number == DECIDED:
                        if due > latest:
                            break
                        latest = now = clock.now = due
                    heappop(heap)
                    continue
                if due > latest:
                    break
                latest = now = clock.now = due
                index = trial._target
                if from_scratch:
                    trial._offset = now  # whatever comes next costs all of `elapsed`
                    if index > trial._index:
                        trial._seen = (*trial._seen, index)
                trial._index = index
                resource = resources[index]
                value: float = values[trial._base + index]
                if negate:
                    value = -value
                if value != value:
                    value = inf
                if index == trial._end:
                    state, event = ENDED, COMPLETE if index == end_of_grid else CURVE_END
                    on_end(trial, resource, value, "complete" if index == end_of_grid else "curve-end")
                else:
                    answer = on_report(trial, resource, value)
                    if answer is STOP:
                        state, event = ENDED, STOPPED
                    elif answer is PAUSE:
                        state, event = PAUSED, PAUSED_AT
                        trial._busy = now - trial._offset
                    else:
                        try:
                            target = grid[answer.until] if type(answer) is Continue else -1
                        except (LookupError, TypeError):
                            target = -1
                        if target <= index:
                            self._illegal_answer(answer, grid, trial, now)
                        event = CONTINUED + target
                        if target >= shortest:
                            target = clip(trial, target)
                        trial._target = target
                        due = trial._offset + floor(elapsed[trial._base + target] * 1e9 + 0.5)
                        if target > index:
                            state = worker
                            heapreplace(heap, (due, number, trial))
                            if learner is not None:
                                learner.on_start(trial, answer.until)
                        else:  # the curve has ended here
                            write((now, number, event))
                            state, event = ENDED, CURVE_END
                            on_end(trial, resource, value, "curve-end")
                        if meter is not None:
                            deadline = meter.begin(trial, due)
                write((now, number, event))
                if state < 0:
                    heappop(heap)
                    heappush(idle, worker)
                    trial._worker = state
                if stops:
                    deadline = self._cancel(stops, trials, idle, write, now, meter, deadline)

            if latest is deadline:  # nothing is left, or nothing before the end of the budget
                break

        if heap:  # the budget cuts off what still runs
            now = deadline
            for _, number, trial in sorted(heap, key=lambda event: event[1]):
                if trial._worker >= 0:
                    write((now, number, CUT_OFF))
        if now >= NEVER:
            raise SimulationError(f"{table.name}: the run takes longer than {NEVER / 1e9:.3g} s, which cannot be told")
        info = TraceInfo(
            table=table.name,
            metric=metric,
            scheduler=self.name,
            seed=self.seed,
            workers=self.workers,
            end=now,
            exhausted_at=searcher.exhausted_at,
            predicted=tuple(getattr(table, "predicted", ())),
        )
        records.append(words)
        return Trace.packed(info, table, records, trials)

    def _paused(self, job: Any, trials: list[Trial], grid: dict[float, int], now: int) -> tuple[Trial, int]:
        """The trial and the grid index of a `Resume`."""
        if type(job) is not Resume:
            self._illegal(f"next_job must give Start, Resume or None, not {job!r}", now)
        trial = self._known(job.trial, trials, len(trials))
        if trial is None:
            self._illegal(f"{job}: there is no such trial", now)
        if trial._worker != PAUSED:
            state = "is over" if trial._worker <= ENDED else f"still runs on worker {trial._worker}"
            self._illegal(f"{job}: only a paused trial can be resumed, this one {state}", now, trial)
        target = self._grid_index(job, grid, now, trial)
        if target <= trial._index:
            self._illegal(f"{job}: 'until' must lie ahead of resource {trial.resource}", now, trial)
        return trial, target

    def _from_checkpoint(
        self,
        job: Start,
        row: int,
        target: int,
        trials: list[Trial],
        draw_replicate: Callable[[int], int] | None,
        curves: Curves,
        now: int,
    ) -> Trial:
        """A new trial that begins where the trial `job.checkpoint_of` has last reported."""
        donor = self._known(job.checkpoint_of, trials, len(trials))
        if donor is None:
            self._illegal(f"{job}: there is no such trial to take a checkpoint of", now)
        if not curves.table.resumable:
            self._illegal(f"{job}: {curves.table.name} is trained from scratch, there are no checkpoints", now)
        if donor._index < 0 or donor._worker == TRIAL_CANCELLED:
            why = "has reported nothing yet" if donor._index < 0 else "was cancelled"
            self._illegal(f"{job}: trial {donor.id} has no checkpoint, it {why}", now)
        if target <= donor._index:
            self._illegal(f"{job}: 'until' must lie ahead of resource {donor.resource} of trial {donor.id}", now)
        replicate = donor.replicate  # a row that lacks it draws one as any other
        if not curves.lengths[row * curves.replicates + replicate] and draw_replicate:
            replicate = draw_replicate(row)
        return Continuation(len(trials), row, donor, replicate, job.tag, curves, now)

    def _known(self, number: Any, trials: list[Trial], started: int) -> Trial | None:
        """The trial with this id, if it is among the first `started` ones."""
        try:
            return trials[number] if 0 <= whole_number(number) < started else None
        except TypeError:
            return None

    def _cancel(
        self,
        stops: list[tuple[int, int]],
        trials: list[Trial],
        idle: list[int],
        write: Callable[[tuple[int, int, int]], None],
        now: int,
        meter: Meter | None,
        deadline: int,
    ) -> int:
        """Carry out `Context.stop` for the trials in `stops`; gives the deadline, which may have moved."""
        for number, started in stops:
            trial = self._known(number, trials, started)
            if trial is None or trial._worker <= ENDED:
                self._illegal(f"stop({number!r}): there is no such trial, or it is over", now)
            if trial._worker >= 0:
                heappush(idle, trial._worker)
                table = trial._curves.table
                spent = now - trial._offset - (trial._time_to(trial._index) if table.resumable else 0)
                trial._busy = trial._finished + spent
                trial._index = index_when_cut(table, trial.config, trial.replicate, trial._index, trial._target, spent)
                if trial._index == trial._target and not table.resumable:
                    trial._seen = (*trial._seen, trial._index)
            else:
                trial._busy = trial._finished
            trial._worker = TRIAL_CANCELLED
            if self.searcher.learns:
                self.searcher.on_end(trial, "cancelled")
            write((now, trial.id, CANCELLED))
            if meter is not None:
                meter.cancel(trial, now)
        stops.clear()
        return deadline if meter is None else meter.deadline

    def _grid_index(self, answer: Any, grid: dict[float, int], now: int, trial: Trial | None) -> int:
        try:
            return grid[answer.until]
        except (LookupError, TypeError):
            near = sorted(grid, key=lambda r: abs(r - answer.until) if isinstance(answer.until, (int, float)) else r)
            nearest = ", ".join(map(str, sorted(near[:3])))
            self._illegal(f"{answer}: 'until' is not on the grid of resources, nearest: {nearest}", now, trial)

    def _illegal_start(self, job: Start, error: Exception, grid: dict[float, int], now: int) -> NoReturn:
        self._grid_index(job, grid, now, None)
        self._illegal(f"{job}: no configuration of the table ({error})", now)

    def _illegal_answer(self, answer: Any, grid: dict[float, int], trial: Trial, now: int) -> NoReturn:
        if type(answer) is not Continue:
            self._illegal(f"on_report must answer Continue, PAUSE or STOP, not {answer!r}", now, trial)
        self._grid_index(answer, grid, now, trial)
        self._illegal(f"{answer}: 'until' must lie ahead of resource {trial.resource}", now, trial)

    def _illegal(self, rule: str, now: int, trial: Trial | None = None) -> NoReturn:
        who = "" if trial is None else f", trial {trial.id} (configuration {trial.config})"
        raise SchedulerError(f"{self.name}{who} at {format_time(now)} s: {rule}")
