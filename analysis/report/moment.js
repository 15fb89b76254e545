// What is known of a run at a moment: the rows that its charts show. Moving on changes only what has changed.

const NOT_STARTED = -1;

// Rows that appear one after the other, in a chart's data set: those up to now, each as it is now.
class Appearing {
  constructor(view, name, rows, since) {
    Object.assign(this, { view, name, rows, since, count: 0, places: new Map() });
    rows.forEach(({ trial }, i) => {
      if (!this.places.has(trial)) this.places.set(trial, []);
      this.places.get(trial).push(i);
    });
  }

  // `looks(row, i)`: the fields of a row that change, as they are at `time`.
  move(time, looks) {
    const count = countUpTo(this.since, time);
    const changes = this.view.changeset();
    const kept = Math.min(count, this.count);
    for (let i = 0; i < kept; i++) {
      const row = this.rows[i];
      const look = looks(row, i);
      for (const field in look) if (row[field] !== look[field]) changes.modify(row, field, look[field]);
    }
    if (count < this.count) changes.remove(this.rows.slice(count, this.count));
    const added = this.rows.slice(this.count, Math.max(count, this.count));
    added.forEach((row, i) => Object.assign(row, looks(row, this.count + i)));
    if (added.length) changes.insert(added);
    this.count = count;
    this.view.change(this.name, changes);
  }

  get shown() {
    return this.rows.slice(0, this.count);
  }

  of(trial) {
    return (this.places.get(trial) ?? []).filter((i) => i < this.count).map((i) => this.rows[i]);
  }
}

// The state of each trial at a moment, and how many are in each.
class States {
  constructor({ time, trial, state }, trials, kinds) {
    Object.assign(this, { time, trial, state, applied: 0 });
    this.of = new Array(trials).fill(NOT_STARTED);
    this.counts = new Array(kinds).fill(0);
    const last = new Array(trials).fill(NOT_STARTED);
    this.before = trial.map((one, i) => {
      const before = last[one];
      last[one] = state[i];
      return before;
    });
  }

  move(time) {
    const wanted = countUpTo(this.time, time);
    while (this.applied < wanted) this.set(this.applied, this.state[this.applied++]);
    while (this.applied > wanted) this.set(--this.applied, this.before[this.applied]);
  }

  set(i, state) {
    const trial = this.trial[i];
    if (this.of[trial] !== NOT_STARTED) this.counts[this.of[trial]] -= 1;
    if (state !== NOT_STARTED) this.counts[state] += 1;
    this.of[trial] = state;
  }
}

function jobRows({ trial, worker, begin, end, start, reached }) {
  return trial.map((_, i) => ({
    ...{ trial: trial[i], worker: worker[i], begin: begin[i], over: end[i] },
    ...{ start: start[i], reached: reached[i] },
    ...{ row: worker[i] + 0.06, below: worker[i] + 0.94 },
  }));
}

// Reports stand in the column of their level, from left to right as they came in.
function reportRows(run, levels) {
  const places = new Map(levels.map((level, place) => [level, place]));
  const { time, trial, level, value } = run.reports;
  return time.map((at, i) => ({
    ...{ trial: trial[i], level: level[i], reported: value[i], time: at },
    ...{ place: places.get(level[i]) + 0.8 * (at / run.end - 0.5), value: drawnValue(run, value[i]) },
  }));
}

// Where a value is drawn: one beyond the axis, or one that diverged, is at its edge.
function drawnValue({ value_domain: [low, high], sign }, value) {
  if (value === null) return sign > 0 ? high : low;
  return Math.min(Math.max(value, low), high);
}

// Of a report: whether its trial went on from there by `time`, waits, was stopped, or was complete.
function standingAt({ standing, onward, given_up }, i, time, standings) {
  if (standings[standing[i]] !== "paused") return standings[standing[i]];
  if (onward[i] !== null && onward[i] <= time) return "went on";
  if (given_up[i] !== null && given_up[i] <= time) return "stopped";
  return "paused";
}
