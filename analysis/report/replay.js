// One run through simulated time: workers, rungs, the best value so far, and one trial.

const STEPS = 1000; // of the slider
const DURATION = 24; // seconds that a whole run plays
const NEAR = 14; // pixels from a mark that still count as on it

async function setUpReplays({ runs, states, standings }, views) {
  const [slider, select, play] = ["replay-time", "replay-run", "replay-play"].map(byId);
  const picker = byId("trial-number");
  let run = null;
  let isPlaying = false;
  let position = 1; // from 0, the beginning, to 1, the end

  function setPlaying(wanted) {
    isPlaying = wanted;
    play.textContent = isPlaying ? "Pause" : "Play";
  }

  function moveTo(to) {
    position = to;
    slider.value = to * STEPS;
    run.show(to * run.data.end);
    slider.setAttribute("aria-valuetext", byId("replay-clock").textContent);
  }

  function goOn(before) {
    requestAnimationFrame((now) => {
      if (!isPlaying) return;
      moveTo(Math.min(1, position + Math.max(0, now - before) / (1000 * DURATION)));
      if (position < 1) goOn(now);
      else setPlaying(false);
    });
  }

  async function open(which) {
    setPlaying(false);
    run?.close();
    run = await openRun(runs[which], states, standings, views, pick);
    picker.max = run.data.trials.config.length - 1;
    moveTo(position);
    pick(run.data.incumbents.trial.at(-1) ?? 0);
  }

  function pick(trial) {
    const last = run.data.trials.config.length - 1;
    if (last < 0) return;
    const within = Math.min(Math.max(Math.round(trial) || 0, 0), last);
    picker.value = within;
    byId("trial-previous").disabled = within === 0;
    byId("trial-next").disabled = within === last;
    run.pick(within);
  }

  slider.addEventListener("input", throttled(() => {
    setPlaying(false);
    moveTo(slider.value / STEPS);
  }));
  play.addEventListener("click", () => {
    setPlaying(!isPlaying);
    if (!isPlaying) return;
    if (position >= 1) moveTo(0);
    goOn(performance.now());
  });
  let opening = open(select.selectedIndex); // one after the other, however fast one chooses
  select.addEventListener("change", () => (opening = opening.then(() => open(select.selectedIndex))));
  picker.addEventListener("change", () => pick(Number(picker.value)));
  byId("trial-previous").addEventListener("click", () => pick(Number(picker.value) - 1));
  byId("trial-next").addEventListener("click", () => pick(Number(picker.value) + 1));
  await opening;
}

async function openRun(data, states, standings, views, pick) {
  const levels = [...new Set(data.reports.level)].sort((one, other) => one - other);
  const narrow = isNarrow();
  const tall = Math.min(Math.max(data.workers * 26, 72), narrow ? 300 : 440);
  const draw = (id, height, sets) =>
    chart(byId(id), data.specs[id], height, Object.fromEntries(sets.map((set) => [set, []])), data.parameters[id]);
  const [gantt, incumbent, rungs, curve] = await Promise.all([
    draw("gantt", tall, ["jobs", "chosen", "now"]),
    draw("incumbent", 96, ["incumbent", "best", "now"]),
    draw("rungs", narrow ? 280 : 430, ["reports", "chosen"]),
    draw("curve", narrow ? 220 : 240, ["curve", "decisions"]),
  ]);
  Object.assign(views, { gantt, incumbent, rungs, curve });

  const jobs = new Appearing(gantt, "jobs", jobRows(data.jobs), data.jobs.begin);
  const reports = new Appearing(rungs, "reports", reportRows(data, levels), data.reports.time);
  const now = new States(data.states, data.trials.config.length, states.length);
  const trial = trialTeller(data, states, standings, curve);
  let time = 0;
  let picked = null;
  gantt.signal("gap", Math.min(1, gantt.width() / 10 / (1 + data.jobs.trial.length / data.workers)));

  const size = `${count(data.trials.config.length, "trial")} on ${count(data.workers, "worker")}`;
  byId("replay-name").textContent = `${data.table}, seed ${data.seed}: ${size}`;
  for (const plot of document.querySelectorAll("[data-metric]")) plot.textContent = metricName(data);
  states.forEach((_, state) => (byId(`state-${state}`).parentElement.hidden = !data.states.state.includes(state)));
  byId("resource-unit").textContent = `${data.resource_unit}s`;
  byId("curve-unit").textContent = `${data.resource_unit}s`;

  function show(at) {
    time = at;
    now.move(time);
    jobs.move(time, (row) => ({ end: Math.min(row.over, time), state: states[now.of[row.trial]] }));
    reports.move(time, (row, i) => ({ state: standingAt(data.reports, i, time, standings) }));
    const best = countUpTo(data.incumbents.time, time);
    const steps = data.incumbents.time.slice(0, best).map((t, i) => ({ time: t, value: data.incumbents.value[i] }));
    const end = best ? [{ time, value: steps.at(-1).value }] : [];
    incumbent.data("incumbent", [...steps, ...end]).data("best", end).data("now", [{ time }]).run();
    gantt.data("now", [{ time }]);
    outline();
    gantt.run();
    rungs.run();
    tell(best);
    trial.show(picked, time, now.of[picked]);
  }

  function outline() {
    for (const [view, rows] of [[gantt, jobs], [rungs, reports]]) {
      view.data("chosen", rows.of(picked).map((row) => ({ ...row })));
    }
  }

  function tell(best) {
    const trainings = data.full_training ? `, ${(time / data.full_training).toFixed(2)} mean full trainings` : "";
    byId("replay-clock").textContent = `${seconds(time, data.end)} of ${seconds(data.end, data.end)} s${trainings}`;
    states.forEach((_, state) => (byId(`state-${state}`).textContent = now.counts[state]));
    const { trial: whose, value, level } = data.incumbents;
    byId("incumbent-words").textContent = best
      ? `${number(value[best - 1])}, by trial ${whose[best - 1]} at ${amount(data, data.resources[level[best - 1]])}`
      : "no result yet";
  }

  // The job on the pointer's worker at the pointer's time, or the nearest one that is near.
  function jobAt(event) {
    const [x, y] = inside(gantt, event);
    const worker = Math.floor(gantt.scale("y").invert(y));
    const scale = gantt.scale("x");
    const distance = (row) => Math.max(scale(row.begin) - x, x - scale(row.end), 0);
    return nearest(jobs.shown.filter((row) => row.worker === worker), distance);
  }

  function reportAt(event) {
    const [x, y] = inside(rungs, event);
    const [across, down] = [rungs.scale("x"), rungs.scale("y")];
    return nearest(reports.shown, (row) => Math.hypot(across(row.place) - x, down(row.value) - y));
  }

  const jobWords = (row) => {
    const state = row.over > time ? "running" : `then ${states[now.of[row.trial]]}`;
    const from = row.start ? amount(data, row.start) : "nothing";
    const went = row.over > time ? `from ${from} on` : `from ${from} to ${amount(data, row.reached)}`;
    const when = `${seconds(row.begin, data.end)} to ${seconds(row.end, data.end)} s`;
    return `Trial ${row.trial}, worker ${row.worker}: ${when}, ${went}, ${state}`;
  };
  const reportWords = (row) =>
    `Trial ${row.trial} at ${amount(data, data.resources[row.level])}: ` +
    `${row.reported === null ? "diverged" : number(row.reported)}, ${row.state}`;

  const stop = new AbortController();
  for (const [id, find, words] of [["gantt", jobAt, jobWords], ["rungs", reportAt, reportWords]]) {
    const plot = byId(id);
    const told = byId(`${id}-words`);
    const usual = told.dataset.usual;
    const on = (name, action) => plot.addEventListener(name, action, { signal: stop.signal });
    on("pointermove", throttled((event) => {
      const found = find(event);
      plot.classList.toggle("on-mark", Boolean(found));
      told.textContent = found ? words(found) : usual;
    }));
    on("pointerleave", () => (told.textContent = usual));
    on("click", (event) => {
      const found = find(event);
      if (found) pick(found.trial);
    });
  }

  return {
    data,
    show,
    pick(which) {
      picked = which;
      outline();
      gantt.run();
      rungs.run();
      trial.show(picked, time, now.of[picked]);
    },
    close() {
      stop.abort();
      for (const view of [gantt, incumbent, rungs, curve]) view.finalize();
    },
  };
}

function nearest(rows, distance) {
  let [found, least] = [null, NEAR];
  for (const row of rows) {
    const away = distance(row);
    if (away <= least) [found, least] = [row, away]; // of equal ones the last, which is on top
  }
  return found;
}

const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

function metricName({ metric, unit }) {
  return metric.replaceAll("_", " ") + (["", "1"].includes(unit) ? "" : ` (${unit})`);
}

function amount({ resource_unit: unit }, resource) {
  if (unit === "resource") return `resource ${number(resource)}`;
  return `${number(resource)} ${unit}${resource === 1 ? "" : "s"}`;
}

// A time to the same decimals throughout a run.
function seconds(time, end) {
  const decimals = Math.min(9, Math.max(0, 3 - Math.floor(Math.log10(end || 1))));
  return time.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}
