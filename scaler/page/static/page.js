// The status page of Prewarm: renews itself, knows the reader's time zone, reads out charts.
"use strict";

const RENEW_SECONDS = 15;
const SEARCH_PAUSE_MILLISECONDS = 250;
let renewals = 0;

function address() {
  const here = new URL(window.location.href);
  if (!here.searchParams.has("zone")) {
    here.searchParams.set("zone", Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");
  }
  return here;
}

async function renew() {
  const turn = ++renewals;
  const status = document.getElementById("refresh");
  try {
    const answer = await fetch(address(), { cache: "no-store" });
    const text = await answer.text();
    if (turn !== renewals || document.hidden) return;
    if (!answer.ok && answer.status !== 404) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const [before, after] = [document.getElementById("live"), fresh.getElementById("live")];
    if (!after) throw new Error("no page");
    keepState(before, after);
    before.replaceChildren(...after.childNodes);
    document.documentElement.dataset.zone = fresh.documentElement.dataset.zone;
    document.documentElement.dataset.renewals = String(turn);
    status.textContent = "";
    status.classList.remove("problem");
    watch();
  } catch (error) {
    status.textContent = "The scaler can't be reached; this is what it last said.";
    status.classList.add("problem");
  }
}

// What the reader has opened, typed or focused outlives a renewal.
function keepState(before, after) {
  for (const details of before.querySelectorAll("details[open]")) {
    const twin = after.querySelector(`#${CSS.escape(details.id)}`);
    if (twin) twin.open = true;
  }
  const active = document.activeElement;
  const key = active && before.contains(active) ? place(active, before) : null;
  const search = before.querySelector("#search");
  const typed = search && { text: search.value, from: search.selectionStart, to: search.selectionEnd };
  queueMicrotask(() => {
    const live = document.getElementById("live");
    const twin = live.querySelector("#search");
    if (twin && typed) twin.value = typed.text;
    const focused = key && find(live, key);
    if (!focused) return;
    focused.focus({ preventScroll: true });
    if (focused === twin) twin.setSelectionRange(typed.from, typed.to);
  });
}

function place(element, root) {
  if (element.id) return { selector: `#${CSS.escape(element.id)}`, index: 0 };
  const href = element.getAttribute("href");
  const selector = href ? `a[href="${CSS.escape(href)}"]` : element.tagName.toLowerCase();
  return { selector, index: [...root.querySelectorAll(selector)].indexOf(element) };
}

function find(root, key) {
  return root.querySelectorAll(key.selector)[key.index];
}

function watch() {
  for (const figure of document.querySelectorAll("figure[data-plot]")) watchFigure(figure);
  const search = document.getElementById("search");
  if (!search) return;
  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const here = address();
      here.searchParams.set("search", search.value);
      here.searchParams.delete("first");
      window.history.replaceState(null, "", here);
      renew();
    }, SEARCH_PAUSE_MILLISECONDS);
  });
}

function watchFigure(figure) {
  const plot = JSON.parse(figure.dataset.plot);
  const clock = new Intl.DateTimeFormat(undefined, {
    weekday: "short", hour: "2-digit", minute: "2-digit",
    timeZone: document.documentElement.dataset.zone,
  });
  const labels = {
    demand: "demand", bound: "at most", needed: "needed", replicas: "asked for",
    reactive: "without forecast", ready: "ready",
  };
  let row = -1;

  function show(index) {
    row = Math.max(0, Math.min(plot.rows.length - 1, index));
    const [at, ...values] = plot.rows[row];
    const share = (at - plot.start) / (plot.end - plot.start);
    for (const svg of figure.querySelectorAll("svg")) {
      const [left, right] = [Number(svg.dataset.left), Number(svg.dataset.right)];
      const cross = svg.querySelector(".cross");
      const x = left + share * (right - left);
      cross.setAttribute("x1", x);
      cross.setAttribute("x2", x);
    }
    const parts = values.map((value, i) => value === null ? "" : `${labels[plot.names[i]]} ${value}`);
    const words = [clock.format(new Date(at * 1000)), ...parts.filter(Boolean)];
    figure.querySelector(".readout").textContent = words.join(" · ");
  }

  function nearest(svg, clientX) {
    const box = svg.getBoundingClientRect();
    const x = (clientX - box.left) / box.width * Number(svg.dataset.width);
    const [left, right] = [Number(svg.dataset.left), Number(svg.dataset.right)];
    const at = plot.start + (x - left) / (right - left) * (plot.end - plot.start);
    let best = 0;
    plot.rows.forEach((each, i) => {
      if (Math.abs(each[0] - at) < Math.abs(plot.rows[best][0] - at)) best = i;
    });
    return best;
  }

  if (!plot.rows.length) return;
  for (const svg of figure.querySelectorAll("svg")) {
    const move = (event) => show(nearest(svg, event.clientX));
    svg.addEventListener("pointermove", move);
    svg.addEventListener("pointerdown", move);
  }
  figure.addEventListener("keydown", (event) => {
    if (event.target !== figure) return;
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 };
    if (!(event.key in moves)) return;
    event.preventDefault();
    show((row < 0 ? plot.rows.length - 1 : row) + moves[event.key]);
  });
}

watch();
if (new URL(window.location.href).searchParams.get("zone") === null
    && address().searchParams.get("zone") !== document.documentElement.dataset.zone) renew();
setInterval(() => { if (!document.hidden) renew(); }, RENEW_SECONDS * 1000);
document.addEventListener("visibilitychange", () => { if (!document.hidden) renew(); });
