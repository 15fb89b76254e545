// One trial: its learning curve up to now with what was decided, its hyperparameters, and its story.

function trialTeller(data, states, standings, view) {
  const { count: counts } = data.results;
  const first = [0]; // of each trial's results
  for (const n of counts) first.push(first.at(-1) + n);
  let told = null; // the trial whose texts are on the page
  let lines = [];

  // The rows of one trial's results up to a time.
  function resultsOf(trial, time) {
    const rows = [];
    for (let i = first[trial]; i < first[trial + 1] && data.results.time[i] <= time; i++) {
      const value = data.results.value[i];
      const resource = data.resources[data.results.level[i]];
      rows.push({ resource, value: value === null ? null : drawnValue(data, value) });
    }
    return rows;
  }

  const reportsOf = new Map();
  data.reports.trial.forEach((trial, i) => {
    if (!reportsOf.has(trial)) reportsOf.set(trial, []);
    reportsOf.get(trial).push(i);
  });

  function decisionsOf(trial, time) {
    return (reportsOf.get(trial) ?? [])
      .filter((i) => data.reports.time[i] <= time)
      .map((i) => ({
        resource: data.resources[data.reports.level[i]],
        value: drawnValue(data, data.reports.value[i]),
        state: standingAt(data.reports, i, time, standings),
      }));
  }

  function tell(trial) {
    told = trial;
    const { config, replicate, params } = data.trials;
    const thinned = data.every > 1 ? `; of its results, one in ${data.every} is drawn` : "";
    byId("trial-row").textContent = `configuration ${config[trial]}, replicate ${replicate[trial]}${thinned}`;
    byId("trial-params").replaceChildren(
      ...data.params[params[trial]].map(([name, value]) =>
        element("div", {}, element("dt", {}, name), element("dd", {}, value)),
      ),
    );
    let since = -Infinity;
    lines = data.stories[trial].slice(1).map((line) => {
      const timed = /^(\d+\.\d+) s: (.*)$/s.exec(line);
      if (timed) since = Number(timed[1]);
      else if (!line.startsWith("    ")) since = data.end;
      const words = timed ? timed[2] : line.trim();
      const item = element("li", { class: timed ? "event" : "aside" });
      item.append(...(timed ? [element("span", { class: "when" }, `${timed[1]} s`), " "] : []), capital(words));
      return { since, item };
    });
    byId("trial-story").replaceChildren(...lines.map(({ item }) => item));
  }

  return {
    show(trial, time, state) {
      if (trial === null) return;
      if (trial !== told) tell(trial);
      byId("trial-state").textContent = state === NOT_STARTED ? "not started yet" : states[state];
      for (const { since, item } of lines) item.classList.toggle("later", since > time);
      view.data("curve", resultsOf(trial, time)).data("decisions", decisionsOf(trial, time)).run();
    },
  };
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
