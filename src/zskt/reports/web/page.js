"use strict";
// The page of a run: everything comes from the JSON in #zskt-report, nothing from elsewhere.
const { runs } = JSON.parse(document.getElementById("zskt-report").textContent);
const page = document.getElementById("page");
const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3], [4, 2], [12, 4]];
const charts = [];
// A round of one method is no round of another: beside each other runs stand by the clock.
let axis = runs.length > 1 ? "minutes" : "steps";

// Elements: text is always text, never markup, whatever a file holds.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}
const share = (value) => (100 * value).toFixed(2) + " %";
const whole = (value) => Number(value).toLocaleString("en");
const base = (text) => String(text).replace(/\.safetensors$/, "");
const words = (name) => name.replaceAll("_", " ");
const short = (value) => (value === null || value === undefined ? "–" : Number(value.toPrecision(4)).toString());
function plain(value) {
  if (value === null || value === undefined) return "–";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
function table(head, rows, asWords = false) {
  return make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": head.join(", ") },
    make("table", {},
      make("thead", {}, make("tr", {}, ...head.map((name) => make("th", { scope: "col" }, name)))),
      make("tbody", {}, ...rows.map((row) => make("tr", {},
        ...row.map((cell, i) => make(i ? "td" : "th", i ? { class: asWords ? "word" : null } : { scope: "row" }, cell)))))));
}
function section(title, ...children) {
  page.append(make("section", {}, make("h2", {}, title), ...children));
}

// What is drawn of a run.
const steps = (run) => run.metrics.round || run.metrics.epoch || [];
const unit = (run) => (run.metrics.round ? "round" : "epoch");
function rate(run, name) {
  const count = run.metrics[name], seconds = run.metrics.seconds;
  if (!count || !seconds) return null;
  return count.map((value, i) => {
    const before = i ? count[i - 1] : 0, since = i ? seconds[i - 1] : 0;
    return value === null || seconds[i] <= since ? null : (value - before) / (seconds[i] - since);
  });
}
const GROUPS = [
  ["Accuracy and agreement on real images", (n) => ["student_accuracy", "agreement", "test_accuracy"].includes(n), {}],
  ["Losses", (n) => n === "loss" || n.endsWith("_loss"), { log: true }],
  ["Further terms", (n) => !/^(round|epoch|seconds.*|rounds_per_second|images_.*|.*_(accuracy|agreement|loss|confidence|learning_rate)|agreement|loss)$/.test(n), { log: true }],
  ["Confidence on the images made", (n) => n.endsWith("_confidence"), {}],
  ["Learning rates", (n) => n.endsWith("_learning_rate"), {}],
];
function chartsOf(run) {
  const made = GROUPS.map(([title, belongs, kind]) => ({
    title, ...kind,
    series: Object.keys(run.metrics).filter(belongs).map((name) => ({ label: words(name), run, y: run.metrics[name] })),
  }));
  const speeds = ["images_made", "images_seen"].map((name) => ({ label: words(name) + " a second", run, y: rate(run, name) }));
  made.push({ title: "Speed", series: speeds.filter((each) => each.y) });
  return made;
}
// A run's name without what the names of all begin with.
function called(run) {
  const names = runs.map((each) => each.name);
  let same = 0;
  while (names.every((name) => name[same] !== undefined && name[same] === names[0][same])) same++;
  return run.name.slice(names[0].lastIndexOf("-", same - 1) + 1) || run.name;
}
function chartsBeside() {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.metrics)))];
  const shown = ["accuracy", "agreement", "loss"].flatMap((end) => names.filter((name) => name.endsWith(end)));
  return shown.map((name) => ({
    title: words(name), log: name.endsWith("loss"),
    series: runs.filter((run) => run.metrics[name]).map((run) => ({ label: called(run), run, y: run.metrics[name] })),
  }));
}

function colour(index) {
  return getComputedStyle(document.documentElement).getPropertyValue("--s" + (index % 6)).trim();
}
function ink(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

function Chart(spec, home) {
  const legend = make("ul", { class: "legend" });
  const place = make("div", { role: "img", "aria-label": spec.title + ": " + spec.series.map((each) => each.label).join(", ") });
  const box = make("div", { class: "chart" }, make("h3", {}, spec.title), place, legend);
  home.append(box);
  const outputs = [], shown = spec.series.map(() => true);
  let plot = null;
  spec.series.forEach((each, i) => {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    line.setAttribute("aria-hidden", "true");
    line.innerHTML = `<line x1="0" y1="5" x2="26" y2="5" stroke-width="2.5" style="stroke:var(--s${i % 6})" stroke-dasharray="${DASHES[i % 6].join(" ")}"/>`;
    const output = make("output", {});
    outputs.push(output);
    const box = make("input", { type: "checkbox", onchange: (event) => { shown[i] = event.target.checked; plot.setSeries(i + 1, { show: shown[i] }); } });
    box.checked = true;
    legend.append(make("li", {}, make("label", {}, box, line, each.label, output)));
  });
  function values(index) {
    plot.data.slice(1).forEach((column, i) => {
      let at = index ?? column.length - 1;
      while (at > 0 && (column[at] === null || column[at] === undefined)) at--;
      const inPercent = /accuracy|agreement|confidence/.test(spec.title.toLowerCase());
      outputs[i].textContent = inPercent && typeof column[at] === "number" ? share(column[at]) : short(column[at]);
    });
  }
  function draw() {
    plot?.destroy();
    const minutes = axis === "minutes";
    const tables = spec.series.map(({ run, y }) => {
      const x = minutes ? run.metrics.seconds.map((each) => each / 60) : steps(run);
      const kept = y.map((value, i) => [x[i], value]).filter(([, value]) => value !== null);
      return [kept.map(([at]) => at), kept.map(([, value]) => value)];
    });
    // A generator that ascends has losses below zero, which no logarithm shows.
    const logarithmic = spec.log && tables.every(([, y]) => y.every((value) => value > 0));
    const all = tables.length === 1 ? tables[0] : uPlot.join(tables);
    const grid = { stroke: ink("--line"), width: 1 };
    const look = { stroke: ink("--quiet"), grid, ticks: grid, font: "12px system-ui" };
    plot = new uPlot({
      width: Math.max(240, place.clientWidth || box.clientWidth), height: 260,
      legend: { show: false }, cursor: { drag: { x: true, y: false } },
      scales: { x: { time: false }, y: logarithmic ? { distr: 3 } : {} },
      axes: [{ ...look, label: minutes ? "minutes" : unit(spec.series[0].run), labelSize: 22, labelFont: "12px system-ui" }, { ...look, size: 62 }],
      series: [{}, ...spec.series.map((each, i) => ({
        label: each.label, stroke: colour(i), width: 2, dash: DASHES[i % 6], spanGaps: true, show: shown[i],
        points: { show: all[0].length < 30 },
      }))],
      hooks: { setCursor: [(u) => values(u.cursor.idx)] },
    }, all, place);
    plot.over.addEventListener("click", () => {
      if (plot.cursor.idx === null || axis !== "steps") return;
      history.replaceState(null, "", "#" + unit(spec.series[0].run) + "=" + plot.data[0][plot.cursor.idx]);
      goTo();
    });
    values(null);
  }
  // A round from the address: the nearest point of this chart.
  function point(step) {
    if (axis !== "steps") return;
    const x = plot.data[0];
    let best = 0;
    x.forEach((value, i) => { if (Math.abs(value - step) < Math.abs(x[best] - step)) best = i; });
    plot.setCursor({ left: plot.valToPos(x[best], "x"), top: 20 });
  }
  return { draw, point };
}

let showSample = null;
function goTo() {
  const found = /^#(?:round|epoch)=(\d+)$/.exec(location.hash);
  if (!found) return;
  charts.forEach((chart) => chart.point(Number(found[1])));
  if (showSample) showSample(Number(found[1]));
}

function curves(specs) {
  const drawn = specs.filter((spec) => spec.series.length && spec.series.some((each) => each.y.some((v) => v !== null)));
  if (!drawn.length) return;
  const home = make("div", { class: "charts" });
  const names = { steps: unit(runs[0]) + "s", minutes: "minutes" };
  const buttons = Object.entries(names).map(([key, name]) => make("button", {
    type: "button", "aria-pressed": String(key === axis),
    onclick: () => { axis = key; buttons.forEach((each, i) => each.setAttribute("aria-pressed", String(Object.keys(names)[i] === key))); redraw(); },
  }, "over " + name));
  section("Curves", make("div", { class: "choice" }, ...buttons),
    make("p", { class: "quiet" }, "Point at a curve for its value, drag to look closer, double-click for all of it; a click puts the place into the address of the page."), home);
  drawn.forEach((spec) => charts.push(Chart(spec, home)));
  redraw();
}
function redraw() { charts.forEach((chart) => chart.draw()); goTo(); }

function samples(run) {
  if (!run.samples.length) return;
  const names = run.classes?.names || [];
  const name = (index) => names[index] ?? String(index);
  const tiles = make("div", { class: "tiles" });
  const told = make("output", { for: "when" });
  const slider = make("input", { type: "range", id: "when", min: 0, max: run.samples.length - 1, value: run.samples.length - 1, step: 1, oninput: () => show(Number(slider.value)) });
  function show(index) {
    const { round, strip, count, said } = run.samples[index];
    slider.value = index;
    slider.setAttribute("aria-valuetext", "round " + round);
    told.textContent = "round " + whole(round);
    tiles.replaceChildren(...Array.from({ length: count }, (_, i) => {
      const at = count > 1 ? (100 * i) / (count - 1) : 0;
      const tile = make("div", { class: "tile", role: "img", "aria-label": "image " + (i + 1) });
      tile.style.cssText = `background-image:url(${strip});background-size:${100 * count}% 100%;background-position:${at}% 0`;
      const lines = ["teacher", "student"].filter((role) => said?.[role]?.[i]).map((role) => {
        const [label, sure] = said[role][i];
        return make("div", {}, `${role[0].toUpperCase()}: ${name(label)} ${Math.round(100 * sure)} %`);
      });
      return make("figure", {}, tile, make("figcaption", {}, ...lines));
    }));
  }
  showSample = (step) => {
    let best = 0;
    run.samples.forEach((each, i) => { if (Math.abs(each.round - step) < Math.abs(run.samples[best].round - step)) best = i; });
    show(best);
  };
  const said = run.samples.some((each) => each.said);
  section("Images that the student learnt from",
    make("p", { class: "quiet" }, said ? "T is the teacher, S the student as it was: the class that each names and how sure it is." : "The first of each sheet."),
    make("div", { class: "choice" }, make("label", { for: "when" }, "When"), slider, told), tiles);
  show(run.samples.length - 1);
}

function classes(run) {
  const counted = run.classes;
  if (!counted || counted.names.length > 100) return;
  const most = Math.max(1, ...counted.teacher, ...(counted.student || []));
  const rows = counted.names.flatMap((name, i) => {
    const told = `${counted.teacher[i]}` + (counted.student ? ` and ${counted.student[i]}` : "");
    const bars = [counted.teacher[i], counted.student?.[i]].map((count, k) => count === undefined ? null
      : make("div", { class: k ? "bar student" : "bar", style: `width:${(100 * count) / most}%` }));
    return [make("div", {}, name), make("div", { title: told }, ...bars)];
  });
  section("Classes that were drawn",
    make("p", { class: "quiet" }, `Of the images of round ${whole(counted.round)}: what the teacher says (plain) and the student (striped).`),
    make("div", { class: "bars" }, ...rows));
}

function confusion(run) {
  if (!run.confusion || run.confusion.length > 30) return;
  const body = run.confusion.map((row, i) => {
    const sum = Math.max(1, row.reduce((a, b) => a + b, 0));
    return make("tr", {}, make("th", { scope: "row" }, run.class_names[i]), ...row.map((count) => {
      const part = Math.round((100 * count) / sum);
      return make("td", { style: `background:color-mix(in srgb, var(--s0) ${Math.round(part / 2.6)}%, var(--paper))` }, count ? whole(count) : "");
    }));
  });
  section("Teacher against student, on real images",
    make("p", { class: "quiet" }, "A row for each class that the teacher says, a column for what the student says of the same images."),
    make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "confusion of teacher and student" },
      make("table", { class: "confusion" }, make("thead", {}, make("tr", {}, make("td", {}), ...run.class_names.map((name) => make("th", { scope: "col" }, name)))), make("tbody", {}, ...body))));
}

function networks(run) {
  if (!run.networks.length) return;
  const rows = run.networks.map((row) => [row.network, share(row.accuracy), share(row.agreement), whole(row.parameters),
    row.file_bytes ? whole(Math.round(row.file_bytes / 1000)) + " kB" : "–", (1000 * row.latency_seconds).toFixed(2) + " ms"]);
  page.append(table(["network", "accuracy", "agreement", "parameters", "file", "one image"], rows));
  page.append(make("p", { class: "quiet" }, `On the test images of ${run.data}; nothing was learnt from them. Agreement is with the teacher.`));
}

function spent(run) {
  const last = (name) => run.metrics[name]?.filter((v) => v !== null).at(-1);
  const parts = [`${whole(steps(run).at(-1) || 0)} ${unit(run)}s`];
  if (last("seconds")) parts.push(`${(last("seconds") / 60).toFixed(1)} minutes`);
  if (last("images_made")) parts.push(`${whole(last("images_made"))} images made`, `${whole(last("images_seen"))} taught from`);
  return parts.join(", ");
}

function single(run) {
  const distilled = run.kind !== "train" && run.kind !== "finetune";
  page.append(make("p", { class: "quiet" }, `zskt ${run.kind} · ${run.name}`),
    make("h1", {}, distilled ? `${base(run.teacher)} → ${run.student}` : `${run.student}, trained on images`));
  if (run.method) page.append(make("p", {}, run.method + "."));
  page.append(make("p", {}, (run.finished ? "Finished: " : "Still going on: ") + spent(run) + (run.images_are ? `; images ${run.images_are}.` : ".")));
  const factor = run.metrics.rate_factor?.at(-1);
  if (factor) page.append(make("p", {}, `Its numbers broke ${Math.round(-Math.log2(factor))} times; each time it went back and on with half its learning rates, now ${factor} times those below.`));
  if (run.verdict) {
    const { word, reason, advice } = run.verdict;
    page.append(make("div", { class: "verdict " + word.split(" ")[0] }, make("strong", {}, "Verdict without data: " + word + "."),
      make("p", {}, "Reason: " + reason + "."), advice ? make("p", {}, "Next: " + advice + ".") : null));
  }
  networks(run);
  curves(chartsOf(run));
  samples(run);
  classes(run);
  confusion(run);
  if (run.beliefs.length) section("Belief near the decision boundaries", ...run.beliefs.map((src) => make("img", { src, alt: "Mean transition curves of teacher and student" })));
  const changed = Object.entries(run.changed);
  section("Settings", changed.length ? table(["other than by default", "value"], changed.map(([name, value]) => [words(name), plain(value)]), true) : make("p", {}, "All by default."),
    make("details", {}, make("summary", {}, "All others"), table(["setting", "value"], Object.entries(run.settings).map(([name, value]) => [words(name), plain(value)]), true)));
  section("Once more", make("pre", { tabindex: "0", "aria-label": "the command" }, run.command || ""),
    make("p", { class: "quiet" }, [...Object.entries(run.machine || {}), ...Object.entries(run.versions || {})].map(([name, value]) => `${words(name)} ${plain(value)}`).join(" · ")));
}

function beside() {
  page.append(make("h1", {}, runs.length + " runs beside each other"));
  const everything = runs.map((run) => ({ ...run.settings, ...run.changed }));
  const differing = [...new Set(everything.flatMap(Object.keys))].filter((name) => new Set(everything.map((each) => JSON.stringify(each[name]))).size > 1);
  const out = (run) => run.networks.find((row) => row.network.startsWith("student")) || {};
  const rows = [
    ["verdict", ...runs.map((run) => run.verdict?.word || "–")],
    ["accuracy", ...runs.map((run) => (out(run).accuracy === undefined ? "–" : share(out(run).accuracy)))],
    ["agreement", ...runs.map((run) => (out(run).agreement === undefined ? "–" : share(out(run).agreement)))],
    ["spent", ...runs.map((run) => (run.finished ? "" : "still going on: ") + spent(run))],
  ];
  const head = ["", ...runs.map(called)];
  section("What came out", table(head, rows, true));
  curves(chartsBeside());
  section("What differs in their settings", differing.length
    ? table(head, differing.map((name) => [words(name), ...everything.map((each) => plain(each[name]))]), true) : make("p", {}, "Nothing."));
}

if (runs.length > 1) beside(); else single(runs[0]);
addEventListener("hashchange", goTo);
let width = innerWidth;
addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; redraw(); } });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
