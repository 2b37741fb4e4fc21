// An on-site session on top of capture.js: a rack's label opens the rack, machines are put in or scanned out, and what is
// done with the rack is a tap. All of it goes through the one queue; here is only what each scan is about.
//
// #racks data-racks {name: {state, in: [label], out: [label]}} is what the server knew; what waits here comes on top.

const place = document.getElementById("capture");
const desk = place.closest("[data-kept]"), panel = place.querySelector('[data-part="rack"]');
const part = (name) => panel.querySelector(`[data-rack="${name}"]`);
const RACK_MAX = 40, LABEL = 9;
const went = new Map(); // a scan's id → null while it waits, then what the server had said when it went
let rack = named(new URLSearchParams(location.search).get("rack") ?? ""), way = "place", before = "", asked = "", kept = [], tapped = []; // tapped: not on the disk yet, and the next scan is already about what follows

/** A rack's label as it is known: in narrow letters and capitals, without spaces. */
function named(text) {
  return text.normalize("NFKC").replace(/\s/g, "").toUpperCase().slice(0, RACK_MAX);
}

/** Every rack as it stands: what the server knew, and what this device has scanned since, sent or not. */
function racks() {
  const said = document.getElementById("racks").dataset.racks;
  const known = new Map(Object.entries(JSON.parse(said)).map(([name, one]) => [name, { state: one.state, in: new Set(one.in), out: new Set(one.out) }]));
  const ids = new Set(kept.map((scan) => scan.requestId));
  tapped = tapped.filter((scan) => !ids.has(scan.requestId));
  for (const scan of [...kept, ...tapped].filter((one) => one.url === place.dataset.url)) {
    if (scan.state === "waiting") went.set(scan.requestId, null);
    else if (went.get(scan.requestId) === null) went.set(scan.requestId, said);
    if (scan.state === "refused" || (scan.state === "sent" && went.get(scan.requestId) !== said)) continue;
    take(known, scan);
  }
  return known;
}
function take(known, { work, label, facts }) {
  const name = facts?.rack ?? ""; // a file taken in may leave it out
  if (work === "close") return;
  let one = known.get(name);
  if (!one || (one.state === "ended" && work !== "end" && work !== "take-out")) known.set(name, (one = { state: "loaded", in: new Set(), out: new Set() }));
  if (work === "begin") one.state = "began";
  if (work === "end") one.state = "ended";
  if (work === "take-out") one.out.add(label);
  if (work !== "place") return;
  for (const other of known.values()) if (other.state !== "ended") other.in.delete(label);
  one.in.add(label);
  one.out.delete(label);
}

function show() {
  const one = racks().get(rack) ?? { state: "loaded", in: new Set(), out: new Set() };
  const out = [...one.out].filter((label) => one.in.has(label)).length;
  if (`${rack} ${one.state}` !== before) way = one.state === "began" ? "take-out" : "place";
  before = `${rack} ${one.state}`;
  for (const radio of panel.querySelectorAll("input[type=radio]")) radio.checked = radio.value === way;
  const say = panel.dataset;
  part("name").textContent = rack || say.alone;
  part("state").textContent = rack ? say[one.state] : "";
  part("in").textContent = one.in.size;
  part("out").textContent = out;
  part("begin").hidden = !rack || one.state !== "loaded" || !one.in.size;
  part("end").hidden = !rack || one.state !== "began";
  part("end-n").textContent = one.in.size - out;
  part("leave").hidden = !rack;
  Object.assign(place.dataset, { work: way, what: [rack, word(way)].filter(Boolean).join("　"), facts: JSON.stringify({ rack }) });
}
function word(work) {
  return desk.querySelector(`[data-word="${work}"]`).textContent.trim();
}
function open(name) {
  [rack, asked, before] = [name, "", ""];
  const url = new URL(location.href);
  if (name) url.searchParams.set("rack", name);
  else url.searchParams.delete("rack");
  history.replaceState(null, "", url);
  show();
  document.dispatchEvent(new Event("stale")); // its machines, where there is a network
}

place.addEventListener("read", (event) => {
  const name = named(event.detail.text), isKnown = name === rack || racks().has(name);
  const isLabel = !isKnown && (name.startsWith("HTTP") || name.replaceAll("-", "").length === LABEL);
  if (!name || isLabel) { asked = ""; return; }
  event.preventDefault();
  if (isKnown || name === asked) open(name);
  else asked = name; // a label cut short looks like this too: it has to be read twice
  event.detail.answer = asked ? ["asked", name, panel.dataset.sayUnknown] : ["opened", name, part("state").textContent];
});
place.addEventListener("shown", (event) => {
  kept = event.detail;
  show();
});
panel.addEventListener("change", (event) => {
  way = event.target.value;
  show();
  document.getElementById("scan").focus();
});
desk.addEventListener("click", (event) => {
  const work = event.target.closest("button")?.name;
  if (!["begin", "end", "close", "leave"].includes(work)) return;
  if (work === "leave") open("");
  else {
    const about = work === "close" ? "" : rack;
    const step = { requestId: crypto.randomUUID(), work, label: about, what: word(work), facts: { rack: about } };
    tapped.push({ ...step, url: place.dataset.url, state: "waiting" });
    place.dispatchEvent(new CustomEvent("step", { detail: step }));
    show();
  }
  document.getElementById("scan").focus();
});
document.addEventListener("renewed", show);
desk.hidden = false; // without this module the plain forms do the same
