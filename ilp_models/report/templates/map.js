"use strict";
// Draws the cells of the JSON block "map-data" as SVG. Without this script the page shows static figures.
// Text of the data goes through textContent only. No library, no network.
(() => {
  const root = document.getElementById("map");
  const data = JSON.parse(document.getElementById("map-data").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const AMOUNT = ["#fdfdd8", "#feca8d", "#f1605d", "#9e2f7f", "#641a80", "#1a1042"];
  const CHANGE = ["#124984", "#4393c3", "#b1d5e7", "#f6f7f7", "#f8bfa4", "#d6604d", "#8a0b25"];
  const CLASSES = ["#eef1f3", "#b35900", "#00695c", "#4b2a85"];
  const UNKNOWN = "#c9d0d6";
  const QUANTILES = [0.5, 0.8, 0.9, 0.95, 0.99];
  const COUNTS = [1, 2, 3, 5, 10];
  const find = (name) => root.querySelector(`[data-part="${name}"]`);
  const svg = find("svg"), card = find("card"), legend = find("legend");
  const state = { type: 0, measure: 0, chosen: -1, x: 0, y: 0, scale: 1, fit: 1 };

  function add(parent, name, attributes) {
    const made = document.createElementNS(SVG, name);
    for (const key of Object.keys(attributes)) made.setAttribute(key, attributes[key]);
    return parent.appendChild(made);
  }
  function element(parent, name, text) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    return parent.appendChild(made);
  }

  // Numbers and values
  function format(value) {
    if (value === null || value === undefined) return "\u2013";
    if (Number.isInteger(value)) return String(value);
    if (Math.abs(value) < 0.01) return (value < 0 ? "-" : "") + "under 0.01";
    return value.toPrecision(Math.abs(value) >= 100 ? 3 : 2);
  }
  const rowOf = (rows) => rows[Math.min(state.type, rows.length - 1)];
  function text(measure, cell) {
    const value = rowOf(measure.values)[cell];
    if (value === null) return "not known";
    if (measure.kind === "class") return measure.words[value];
    if (measure.kind === "range") return `${format(value)} to ${format(rowOf(measure.high)[cell])}`;
    return (measure.kind === "change" && value > 0 ? "+" : "") + format(value);
  }
  // Return lower ends of the classes after the first, colours, and labels of a measure.
  function classes(measure) {
    const known = rowOf(measure.values).filter((value) => value !== null);
    if (measure.kind === "class") {
      const edges = measure.words.slice(1).map((word, at) => at + 0.5);
      return { edges, colours: edges.length > 1 ? CLASSES : [CLASSES[0], CLASSES[2]], labels: measure.words };
    }
    if (measure.kind === "count") {
      return { edges: COUNTS, colours: AMOUNT, labels: ["0", "1", "2", "3 to 4", "5 to 9", "10 or more"] };
    }
    const size = (value) => (measure.kind === "change" ? Math.abs(value) : value);
    const sorted = Float64Array.from(known, size).sort();
    const at = (share) => (sorted.length ? sorted[Math.floor(share * (sorted.length - 1))] : 0);
    let edges;
    if (measure.kind === "change") {
      const ends = [at(0.5), at(0.9), at(0.98)].map((end, i) => Math.max(end, 0.05 * (i + 1)));
      edges = [-ends[2], -ends[1], -ends[0], ends[0], ends[1], ends[2]];
    } else if (sorted[0] === 0 && at(0.5) === 0) { // most are 0: a class of its own
      const above = sorted.filter((value) => value > 0);
      edges = [...new Set([0, 0.5, 0.75, 0.9, 0.97].map((share) => above[Math.floor(share * (above.length - 1))]))];
      if (!above.length) edges = [1];
    } else {
      edges = [...new Set(QUANTILES.map(at))].filter((edge) => edge > sorted[0]);
      if (!edges.length) edges = [(sorted[0] || 0) + 1];
    }
    const colours = measure.kind === "change" ? CHANGE : AMOUNT.slice(0, edges.length).concat(AMOUNT[5]);
    const first = measure.kind !== "change" && sorted[0] === 0 && at(0.5) === 0 ? "0" : `below ${format(edges[0])}`;
    const labels = edges.map((edge, i) => (i ? `${format(edges[i - 1])} to ${format(edge)}` : first));
    return { edges, colours, labels: [...labels, `${format(edges[edges.length - 1])} or more`] };
  }

  // Layers of the drawing, from the lowest to the highest
  const ground = add(svg, "g", { class: "map-cells" });
  const cells = data.cells.map((path, cell) => add(ground, "path", { d: path, "data-cell": cell }));
  const shown = new Array(cells.length).fill("");
  const borders = add(svg, "path", { d: data.borders, class: "map-border" });
  const own = data.layers.map((layer, i) =>
    add(svg, "path", { d: layer.path, class: `map-own own-${i % 4}${layer.points ? " points" : ""}` }));
  const names = add(svg, "g", { class: "map-names" });
  const labels = data.areas.map(([name, x, y, width]) => {
    const made = add(names, "text", { x, y });
    made.textContent = name;
    return { made, least: width / (6.5 * name.length) };
  });
  const hovered = add(svg, "path", { class: "map-hovered" });
  const chosen = add(svg, "path", { class: "map-chosen" });

  function paint() {
    const measure = data.measures[state.measure], { edges, colours, labels: words } = classes(measure);
    const values = rowOf(measure.values);
    for (let cell = 0; cell < cells.length; cell += 1) {
      const value = values[cell];
      let at = 0;
      while (at < edges.length && value >= edges[at]) at += 1;
      const colour = value === null ? UNKNOWN : colours[at];
      if (colour !== shown[cell]) cells[cell].setAttribute("fill", shown[cell] = colour);
    }
    legend.textContent = "";
    element(legend, "strong", `${measure.label}, ${data.types[state.type]}`);
    const list = element(legend, "ul");
    words.forEach((word, i) => {
      const item = element(list, "li");
      const box = add(add(item, "svg", { width: 14, height: 14, "aria-hidden": "true" }), "rect",
        { x: 0.5, y: 0.5, width: 13, height: 13, stroke: "#5b6770" });
      box.setAttribute("fill", colours[i]);
      element(item, "span", word);
    });
    if (measure.note && words[0] !== "0") element(legend, "p", measure.note); // the note is on quantiles of all cells
  }

  // What is known of a cell
  function describe(cell) {
    card.textContent = "";
    if (cell < 0) {
      element(card, "p", "Point at a place, tap it, or use the arrow keys to see its numbers.");
      return;
    }
    element(card, "h3", data.places[data.place[cell]]);
    const where = element(card, "p");
    const [lat, lon] = data.centres[cell];
    const link = element(where, "a", `${lat.toFixed(5)}, ${lon.toFixed(5)}`);
    link.href = `geo:${lat.toFixed(5)},${lon.toFixed(5)}`;
    if (data.codes[cell]) element(where, "span", ` (cell ${data.codes[cell]})`);
    if (data.mark) element(card, "p", data.mark).className = "mark";
    element(card, "p", data.types[state.type]).className = "map-type";
    const list = element(card, "dl");
    for (const measure of data.measures) {
      element(list, "dt", measure.label);
      element(list, "dd", text(measure, cell));
    }
    const words = data.reasons[`${state.type},${cell}`];
    if (words) element(card, "p", words);
  }
  function choose(cell) {
    state.chosen = cell;
    chosen.setAttribute("d", cell < 0 ? "" : data.cells[cell]);
    describe(cell);
  }

  // View: centre in map units, and map units per pixel
  const [width, height] = data.size;
  function look() {
    const wide = svg.clientWidth || 1, tall = svg.clientHeight || 1;
    state.scale = Math.min(state.fit, Math.max(state.fit / 60, state.scale));
    state.x = Math.min(width, Math.max(0, state.x));
    state.y = Math.min(height, Math.max(0, state.y));
    const { x, y, scale } = state;
    svg.setAttribute("viewBox", `${x - wide * scale / 2} ${y - tall * scale / 2} ${wide * scale} ${tall * scale}`);
    svg.classList.toggle("zoomed", scale < state.fit * 0.99);
    names.setAttribute("font-size", 11 * scale);
    names.setAttribute("stroke-width", 3 * scale);
    for (const one of labels) one.made.style.display = one.least > scale ? "" : "none";
    const power = 10 ** Math.floor(Math.log10(90 * scale * data.metres));
    const metres = power * [5, 2, 1].find((step) => step === 1 || step * power <= 90 * scale * data.metres);
    const bar = find("scale");
    bar.textContent = metres >= 1000 ? `${metres / 1000} km` : `${metres} m`;
    bar.style.width = `${metres / data.metres / scale}px`;
  }
  function fit() {
    state.fit = Math.max(width / (svg.clientWidth || 1), height / (svg.clientHeight || 1));
    Object.assign(state, { scale: state.fit, x: width / 2, y: height / 2 });
    look();
  }
  function zoom(factor, clientX, clientY) {
    const box = svg.getBoundingClientRect(), before = state.scale;
    const right = clientX === undefined ? 0 : clientX - box.left - box.width / 2;
    const down = clientY === undefined ? 0 : clientY - box.top - box.height / 2;
    state.scale = Math.min(state.fit, Math.max(state.fit / 60, before * factor));
    state.x += right * (before - state.scale);
    state.y += down * (before - state.scale);
    look();
  }
  function pan(right, down) {
    state.x += right * state.scale;
    state.y += down * state.scale;
    look();
  }
  const boxes = cells.map((path, cell) => data.cells[cell].match(/^M(-?\d+)[ ]?(-?\d+)/).slice(1).map(Number));
  // Choose the nearest cell in a direction; the highest of all if none is chosen yet.
  function step(right, down) {
    if (state.chosen < 0) {
      const values = rowOf(data.measures[0].values);
      choose(values.reduce((best, value, cell) => (value > values[best] ? cell : best), 0));
    } else {
      const [fromX, fromY] = boxes[state.chosen];
      let best = -1, least = Infinity;
      boxes.forEach(([x, y], cell) => {
        const ahead = (x - fromX) * right + (y - fromY) * down;
        const aside = Math.abs((x - fromX) * down) + Math.abs((y - fromY) * right);
        if (ahead > 0 && ahead + 3 * aside < least) [best, least] = [cell, ahead + 3 * aside];
      });
      if (best >= 0) choose(best);
    }
    const [x, y] = boxes[state.chosen];
    const hidden = Math.abs(x - state.x) > 0.45 * svg.clientWidth * state.scale
      || Math.abs(y - state.y) > 0.45 * svg.clientHeight * state.scale;
    if (hidden) Object.assign(state, { x, y });
    look();
  }

  // Mouse, touch and keys
  const cellAt = (event) => Number((event.target.dataset && event.target.dataset.cell) ?? -1);
  const fingers = new Map();
  let moved = 0;
  svg.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    moved = 0;
  });
  svg.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "mouse") return;
      const cell = cellAt(event);
      hovered.setAttribute("d", cell < 0 ? "" : data.cells[cell]);
      describe(cell < 0 ? state.chosen : cell);
      return;
    }
    const now = [event.clientX, event.clientY];
    const other = [...fingers].find(([id]) => id !== event.pointerId);
    if (other) {
      const apart = (point) => Math.hypot(point[0] - other[1][0], point[1] - other[1][1]) || 1;
      zoom(apart(before) / apart(now), (now[0] + other[1][0]) / 2, (now[1] + other[1][1]) / 2);
    } else if (event.pointerType === "mouse" || svg.classList.contains("zoomed")) {
      pan(before[0] - now[0], before[1] - now[1]);
    }
    moved += Math.abs(now[0] - before[0]) + Math.abs(now[1] - before[1]);
    if (moved > 6 && !svg.hasPointerCapture(event.pointerId)) svg.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, now);
  });
  for (const name of ["pointerup", "pointercancel", "pointerleave"]) {
    svg.addEventListener(name, (event) => {
      fingers.delete(event.pointerId);
      if (name === "pointerleave") hovered.setAttribute("d", "");
    });
  }
  svg.addEventListener("click", (event) => {
    if (moved <= 6 && cellAt(event) >= 0) choose(cellAt(event));
  });
  svg.addEventListener("wheel", (event) => {
    const out = event.deltaY > 0;
    if (out && !svg.classList.contains("zoomed")) return; // the page scrolls on
    event.preventDefault();
    zoom(out ? 1.25 : 0.8, event.clientX, event.clientY);
  }, { passive: false });
  const KEYS = {
    ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
    "+": 0.7, "=": 0.7, "-": 1.4, Home: fit, 0: fit, Escape: () => choose(-1),
  };
  svg.addEventListener("keydown", (event) => {
    const act = KEYS[event.key];
    if (act === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (typeof act === "function") act();
    else if (typeof act === "number") zoom(act);
    else if (event.shiftKey) pan(60 * act[0], 60 * act[1]);
    else step(act[0], act[1]);
  });

  // Controls
  find("in").addEventListener("click", () => zoom(0.7));
  find("out").addEventListener("click", () => zoom(1.4));
  find("fit").addEventListener("click", fit);
  function options(name, words, change) {
    const select = find(name);
    words.forEach((word, i) => { element(select, "option", word).value = String(i); });
    select.addEventListener("change", () => { change(Number(select.value)); });
    select.closest("label").hidden = words.length < 2;
    return select;
  }
  const types = options("types", data.types, (type) => {
    state.type = type;
    const tab = document.getElementById(`type-${data.types.length > 1 ? type : 1}`);
    if (tab) tab.checked = true;
    paint();
    describe(state.chosen);
  });
  const onMap = data.measures.map((measure, i) => [measure, i]).filter(([measure]) => measure.kind !== "range");
  options("measures", onMap.map(([measure]) => measure.label), (at) => { [, state.measure] = onMap[at]; paint(); });
  function toggle(word, parts, on) {
    const label = element(find("layers"), "label"), box = element(label, "input");
    box.type = "checkbox";
    box.checked = on;
    element(label, "span", word);
    const show = () => parts.forEach((part) => { part.style.display = box.checked ? "" : "none"; });
    box.addEventListener("change", show);
    show();
  }
  if (data.areas.length) {
    toggle("area borders", [borders], true);
    toggle("area names", [names], true);
  }
  data.layers.forEach((layer, i) => toggle(layer.label, [own[i]], true));
  // The tabs and tables of the page follow this script, so their events are handled here.
  document.addEventListener("change", (event) => {
    if (event.target.name !== "type") return;
    types.value = String(data.types.length > 1 ? Number(event.target.id.slice(5)) : 0);
    types.dispatchEvent(new Event("change"));
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-cell]");
    if (link) choose(Number(link.dataset.cell));
  });

  svg.setAttribute("aria-label", data.title);
  document.body.classList.add("live");
  root.hidden = false;
  paint();
  describe(-1);
  fit();
  new ResizeObserver(() => (svg.classList.contains("zoomed") ? look() : fit())).observe(svg);
})();
