// Fills the page. `rungsim` holds the charts' views, to look into from the console and from tests.

window.rungsim = { ready: false, views: { panels: [] } };

function setUpTheme() {
  const button = byId("theme");
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  let isChosen = false;
  function set(theme) {
    root.dataset.theme = theme;
    button.textContent = theme === "dark" ? "Light" : "Dark";
  }
  set(root.dataset.theme);
  button.hidden = false;
  button.addEventListener("click", () => {
    isChosen = true;
    set(root.dataset.theme === "dark" ? "light" : "dark");
  });
  system.addEventListener("change", () => isChosen || set(system.matches ? "dark" : "light"));
}

async function main() {
  setUpTheme();
  for (const table of document.querySelectorAll("table.sortable")) setUpTable(table);
  const sorry = byId("sorry");
  if (typeof DecompressionStream === "undefined") {
    sorry.textContent =
      "This browser cannot unpack the charts: it has no DecompressionStream. Chrome or Edge from 80, Firefox from " +
      "113 and Safari from 16.4 on can. The tables are complete without it.";
    sorry.hidden = false;
    return;
  }
  try {
    const data = await unpacked(byId("data").textContent);
    await setUpPanels(data.panels, data.schedulers, rungsim.views);
    if (data.replay.runs.length) await setUpReplays(data.replay, rungsim.views);
    rungsim.ready = true;
  } catch (error) {
    sorry.textContent = `The charts could not be drawn: ${error.message}`;
    sorry.hidden = false;
    throw error;
  }
}

main();
