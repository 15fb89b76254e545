"""A scheduler as a user might write it: at each rung level a trial goes on while among the better half of its rung."""

from simulator import STOP, Continue, Scheduler, Start


class Halving(Scheduler):
    def setup(self, context):
        self.searcher, self.levels = context.searcher(), [*context.rung_levels(eta=3), context.r_max]
        self.next_level = dict(zip(self.levels, self.levels[1:], strict=False))
        self.rungs = {level: [] for level in self.levels}

    def next_job(self):
        row = self.searcher.propose()
        return None if row is None else Start(row, until=self.levels[0])

    def on_report(self, trial, resource, value):
        rung = self.rungs[resource]
        rung.append(value)
        half = max(1, len(rung) // 2)
        better = sum(other < value for other in rung)
        return Continue(self.next_level[resource]) if better < half else STOP
