// Curves over time: which schedulers are shown, and what each had reached at the pointer.

const NOTHING = "no result yet";
const BESIDE = 14; // pixels from the pointer to what is told of it

async function setUpPanels(panels, schedulers, views) {
  const boxes = [...document.querySelectorAll("#schedulers input")];
  const drawn = await Promise.all(panels.map((panel, i) => drawPanel(byId(`panel-${i}`), panel, schedulers)));
  drawn.forEach(({ view }) => views.panels.push(view));

  function show() {
    const shown = boxes.flatMap((box, s) => (box.checked ? [s] : []));
    for (const panel of drawn) panel.show(shown);
  }
  for (const box of boxes) box.addEventListener("change", show);
  for (const [id, checked] of [["schedulers-all", true], ["schedulers-none", false]]) {
    byId(id)?.addEventListener("click", () => {
      for (const box of boxes) box.checked = checked;
      show();
    });
  }
}

async function drawPanel(figure, panel, schedulers) {
  const plot = figure.querySelector(".plot");
  const [xScale, yScale] = ["x", "y"].map((axis) => panel.spec.layer[1].encoding[axis].scale);
  // On a logarithmic axis, what is not positive lies below everything that can be drawn.
  const [leftmost, lowest] = [xScale, yScale].map((s) => (s.type === "log" ? s.domain[0] / 1000 : -Infinity));
  const drawable = (value, limit) => (value === null ? null : Math.max(value, limit));
  const rows = panel.curves.flatMap(({ s, x, middle, lower, upper }) =>
    x.map((at, i) => ({
      s,
      x: drawable(at, leftmost),
      middle: drawable(middle[i], lowest),
      lower: drawable(lower[i], lowest),
      upper: drawable(upper[i], lowest),
    })),
  );
  const height = isNarrow() ? 250 : figure.classList.contains("alone") ? 400 : 300;
  const view = await chart(plot.querySelector(".chart"), panel.spec, height, { curves: rows, pointer: [] });
  const readout = plot.querySelector(".readout");
  const swatches = document.querySelectorAll("#schedulers .swatch");
  let shown = schedulers.map((_, s) => s);
  let pointed = null;

  const reached = (curve, x) => {
    const i = countUpTo(curve.x, x) - 1;
    if (i < 0 || curve.middle[i] === null) return null;
    return { middle: curve.middle[i], lower: curve.lower[i], upper: curve.upper[i] };
  };

  const point = throttled((x) => {
    pointed = x;
    readout.hidden = x === null;
    if (x === null) {
      view.data("pointer", []).run();
      return;
    }
    const curves = panel.curves.filter((curve) => shown.includes(curve.s));
    const found = curves.map((curve) => ({ s: curve.s, at: reached(curve, x) }));
    const known = found.filter(({ at }) => at !== null).sort((one, other) => other.at.middle - one.at.middle);
    if (yScale.reverse) known.reverse(); // as the curves are, from top to bottom
    const marks = known.map(({ s, at }) => ({ s, x, y: drawable(at.middle, lowest) }));
    view.data("pointer", marks.length ? marks : [{ s: -1, x, y: yScale.domain[0] }]).run();
    const lines = [...known, ...found.filter(({ at }) => at === null)].map(({ s, at }) => {
      const isInterval = at && at.lower !== null && at.upper !== null && at.lower !== at.upper;
      return element(
        "tr",
        {},
        element("td", {}, swatches[s].cloneNode(true)),
        element("th", { scope: "row" }, schedulers[s]),
        element("td", { class: "value" }, at ? number(at.middle) : NOTHING),
        element("td", { class: "interval" }, isInterval ? `${number(at.lower)} to ${number(at.upper)}` : ""),
      );
    });
    const heading = element("caption", {}, `${panel.x_label}: ${number(x)}`);
    readout.replaceChildren(element("table", {}, heading, element("tbody", {}, ...lines)));
    put(x);
  });

  // To the right of the pointer, or else to its left, but always within the page.
  function put(x) {
    const at = view.origin()[0] + view.scale("x")(x);
    const beyond = plot.getBoundingClientRect().left;
    readout.style.left = "0";
    const width = readout.offsetWidth;
    const fits = beyond + at + BESIDE + width <= document.documentElement.clientWidth - 8;
    readout.style.left = `${Math.max(fits ? at + BESIDE : at - BESIDE - width, 8 - beyond)}px`;
  }

  const within = (x) => Math.min(Math.max(x, xScale.domain[0]), xScale.domain[1]);
  plot.addEventListener("pointermove", (event) => {
    const [x] = inside(view, event);
    point(x < -4 || x > view.width() + 4 ? null : within(view.scale("x").invert(x)));
  });
  plot.addEventListener("pointerleave", () => point(null));
  plot.addEventListener("blur", () => point(null));
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10 }[event.key];
    if (event.key === "Escape") point(null);
    if (!step) return;
    event.preventDefault();
    const scale = view.scale("x");
    const from = pointed === null ? view.width() / 2 : scale(pointed);
    point(within(scale.invert(from + (step * view.width()) / 100)));
  });

  return {
    view,
    show(numbers) {
      shown = numbers;
      view.signal("shown", shown).run();
    },
  };
}
