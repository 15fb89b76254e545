// What all parts use. Texts from outside are only ever set as text, never as markup.

const byId = (id) => document.getElementById(id);

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const plain = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });

function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  const isPlain = size === 0 || (size >= 1e-4 && size < 1e7);
  return isPlain ? plain.format(value) : Number(value.toPrecision(4)).toExponential();
}

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

// A chart in an element, with the data sets it begins with, and values of its parameters. Expressions are interpreted,
// as the page forbids `eval`.
async function chart(into, spec, height, datasets, values = {}) {
  const params = spec.params.map((param) => ({ ...param, value: values[param.name] ?? param.value }));
  const plainly = { actions: false, tooltip: false, defaultStyle: false };
  const options = { mode: "vega-lite", ast: true, renderer: "svg", ...plainly };
  const { view } = await vegaEmbed(into, { ...spec, params, height, datasets }, options);
  return view;
}

// Where a pointer is in a chart's own pixels.
function inside(view, event) {
  const box = view.container().querySelector("svg").getBoundingClientRect();
  const [left, top] = view.origin();
  return [event.clientX - box.left - left, event.clientY - box.top - top];
}

// How many of an increasing list are at most `limit`.
function countUpTo(sorted, limit) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

// At most one call a frame, with the last arguments.
function throttled(action) {
  let [waiting, latest] = [false, []];
  return (...given) => {
    latest = given;
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      action(...latest);
    });
  };
}

const isNarrow = () => innerWidth < 640;
