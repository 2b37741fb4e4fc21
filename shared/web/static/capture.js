// Scan capture: key codes → IndexedDB → POST. Works offline; sends again when unsure; a replay changes nothing.
// The page (macro mg_capture) holds every text and icon as <template> and data-say-*; nothing here speaks a language.
//
// A page with more to scan than labels (rack.js) listens to the place: "read" (it may take a text for its own and give the
// answer), "shown" (all that is kept here); and asks it to keep a "step". "stale" on the document: the server knows more.
//
// POST data-url  {sentAt, scans: [{requestId, work, label, token, capturedAt, facts?, undoes?}]}   at most 100
//   → 2xx {results: [{requestId, status, detail?, breaks?}]}; a result of 4xx refuses that scan, a missing one means
//     recorded; `breaks` are sentences that say what a recorded fact does not fit.

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; // Crockford's base 32
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"; // the order ISO 7064 MOD 37,36 counts in
const SCANS_MAX = 100, SENT_KEPT = 50, LAST = 5, NOTES = 3, PAUSE_MS = 2000, TIMEOUT_MS = 20000, RETRY_MS = [1000, 2000, 3000];
const SAVED_MAX = 10000, ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TARGET = /^\/api\/[a-z]+\/(scans|steps|sessions\/[0-9a-f-]{36}\/steps\?engagement=[0-9a-f-]{36})$/;
const READER = ["./vendor/barcode-detector.js", "./vendor/zxing_reader.wasm"]; // a camera without network needs them at hand
const LATER = new Set([401, 403, 408, 425, 429]); // not the scan's fault: it stays in the queue

/** The check character of a label's body (ISO 7064 MOD 37,36). */
export function check(body) {
  let product = 36;
  for (const letter of body) {
    const sum = (product + DIGITS.indexOf(letter)) % 36 || 36;
    product = (sum * 2) % 37;
  }
  return DIGITS[(37 - product) % 36];
}

/** A bare ID in any case, or the URL of a QR code → {label, token}, or {wrong, label}: length, letter or check. */
export function read(text) {
  let given = text.normalize("NFKC").trim().toUpperCase(), token = null;
  const qr = given.match(/\/T\/([0-9A-Z-]{9,11})(?:\/([0-9A-Z]{8}))?\/?$/);
  if (qr && given.startsWith("HTTP")) [, given, token = null] = qr;
  const label = given.replace(/[-\s]/g, "").replace(/O/g, "0").replace(/[IL]/g, "1");
  if (label.length !== 9) return { wrong: "length", label };
  if ([...label].some((letter) => !ALPHABET.includes(letter))) return { wrong: "letter", label };
  return check(label.slice(0, 8)) === label[8] ? { label, token } : { wrong: "check", label };
}

/** What a key means by its place, whatever the layout or an input method makes of it; "" for other keys. */
export function letter(code) {
  const plain = code.match(/^(?:Key|Digit|Numpad)([A-Z0-9])$/);
  if (plain) return plain[1];
  const signs = { Minus: "-", NumpadSubtract: "-", Slash: "/", NumpadDivide: "/", Period: ".", NumpadDecimal: "." };
  return signs[code] ?? (/^(Semicolon|Quote)$/.test(code) ? ":" : "");
}

/** A file that save() wrote → its scans, request ids and moments unchanged; null for any other file. */
export function saved(text) {
  let given;
  try { given = JSON.parse(text).scans; } catch { return null; }
  const whole = (scan) => ID.test(scan?.requestId) && typeof scan.work === "string" && !Number.isNaN(Date.parse(scan.capturedAt))
    && (scan.label === (scan.facts?.rack ?? "") || (read(String(scan.label)).wrong === undefined && read(scan.label).label === scan.label)) && (scan.token == null || typeof scan.token === "string")
    && (scan.undoes === undefined || ID.test(scan.undoes)) && (scan.url === undefined || TARGET.test(scan.url));
  if (!Array.isArray(given) || given.length > SAVED_MAX || !given.every(whole)) return null;
  return given.map(({ requestId, work, label, token, capturedAt, facts, undoes, url }) => ({ requestId, work, label, token, capturedAt, facts, undoes, url }));
}

// ── the queue ────────────────────────────────────────────────────────────────────────────────────────────────────
const asked = (request) => new Promise((done, failed) => {
  request.onsuccess = () => done(request.result);
  request.onerror = () => failed(request.error);
});
let opened;
function database() {
  opened ??= new Promise((done, failed) => {
    const request = indexedDB.open("meguru-capture", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("scans", { keyPath: "requestId" });
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
  return opened;
}
/** Runs one change and returns when it is on the disk, not before. */
async function change(act) {
  const transaction = (await database()).transaction("scans", "readwrite", { durability: "strict" });
  act(transaction.objectStore("scans"));
  await new Promise((done, failed) => { transaction.oncomplete = done; transaction.onabort = () => failed(transaction.error); });
}
async function scans() {
  const all = await asked((await database()).transaction("scans").objectStore("scans").getAll());
  return all.sort((one, other) => one.nth - other.nth);
}

// ── the page ─────────────────────────────────────────────────────────────────────────────────────────────────────
const place = document.getElementById("capture");
const part = (name) => place.querySelector(`[data-part="${name}"]`);
const copy = (name) => place.querySelector(`[data-tpl="${name}"]`).content.cloneNode(true);
const grouped = (label) => (label.length === 9 ? `${label.slice(0, 4)}-${label.slice(4, 8)}-${label[8]}` : label.slice(0, 24));
const clock = (iso) => new Date(iso).toTimeString().slice(0, 8);
const misread = []; // refused here and never stored: shown until the page is left
let field, buffer = "", lastKey = 0, reachable = navigator.onLine, signedOut = false, nth = 0, answered = 0, tries = 0, retry, sound;

function beep(good) {
  sound ??= globalThis.AudioContext && new AudioContext();
  if (!good) navigator.vibrate?.([200, 100, 200]);
  if (!sound) return;
  for (const [hertz, from, to] of good ? [[1320, 0, .09]] : [[220, 0, .22], [165, .28, .6]]) {
    const tone = sound.createOscillator(), volume = sound.createGain();
    tone.type = good ? "sine" : "square";
    tone.frequency.value = hertz;
    volume.gain.value = .2;
    tone.connect(volume).connect(sound.destination);
    tone.start(sound.currentTime + from);
    tone.stop(sound.currentTime + to);
  }
}
// A refusal stays until a scan that was made after it; what was kept a little later than a newer scan was refused is silent.
function answer(name, label, what, of = nth) {
  if (of < answered) return;
  answered = of;
  const said = copy(name);
  said.querySelector(".mg-id").textContent = grouped(label);
  if (what) said.querySelector(".mg-status__what").textContent = what;
  part("answer").replaceChildren(said);
  beep(name === "recorded" || name === "opened");
}
/** What a recorded fact does not fit: it comes late, so it stands beside the answer to the scan at hand, never over it. */
function note(label, what) {
  const said = copy("noted");
  said.querySelector(".mg-id").textContent = grouped(label);
  said.querySelector(".mg-status__what").textContent = what;
  part("notes").prepend(said);
  [...part("notes").children].slice(NOTES).forEach((old) => old.remove());
}
async function show() {
  const all = await scans(), waiting = all.filter((scan) => scan.state === "waiting");
  const online = reachable && navigator.onLine;
  const queue = copy(!online ? "offline" : waiting.length ? "waiting" : "online");
  queue.querySelector(".mg-queue__n b").textContent = waiting.length;
  if (signedOut) queue.querySelector(".mg-queue").append(Object.assign(document.createElement("p"), { className: "mg-queue__say", textContent: place.dataset.saySignin }));
  part("queue").replaceChildren(queue);
  const seen = [...all, ...misread].sort((one, other) => one.nth - other.nth);
  const last = seen.slice(-LAST).reverse(), red = all.filter((scan) => scan.state === "refused" && !last.includes(scan)).reverse();
  document.getElementById("scans")?.replaceChildren(...[...red, ...last].map(row)); // what was refused stays till somebody has seen to it
  const today = new Date().toDateString();
  const counted = all.filter((scan) => scan.state !== "refused" && !scan.undoes && new Date(scan.capturedAt).toDateString() === today);
  const shown = document.getElementById("today");
  if (shown) shown.textContent = counted.length;
  place.dispatchEvent(new CustomEvent("shown", { detail: all }));
}
function row(scan) {
  const { dataset } = place, undoable = scan.state === "sent" && "undo" in dataset && !scan.undoes && !scan.undone;
  const shown = copy({ waiting: "queued", refused: "bad" }[scan.state] ?? (undoable ? "undoable" : "sent"));
  shown.querySelector(".mg-id").textContent = grouped(scan.label);
  const said = { waiting: dataset.saidQueued, refused: dataset.saidBad }[scan.state] ?? dataset.saidSent;
  const words = [scan.what, scan.undoes || scan.undone ? dataset.saidUndone : said, clock(scan.capturedAt), scan.detail];
  shown.querySelector("small").textContent = words.filter(Boolean).join("　");
  if (scan.state === "refused" && !scan.requestId) shown.querySelector("button").remove(); // never stored: gone with the page
  shown.querySelector("button")?.addEventListener("click", () => (scan.state === "refused" ? settle(scan) : undo(scan)));
  return shown;
}

// ── one scan ─────────────────────────────────────────────────────────────────────────────────────────────────────
async function take(text) {
  if (!text.trim()) return;
  const heard = new CustomEvent("read", { cancelable: true, detail: { text } });
  if (!place.dispatchEvent(heard)) return answer(...heard.detail.answer, ++nth);
  const got = read(text), said = place.dataset;
  if (got.wrong) {
    misread.push({ label: got.label, capturedAt: new Date().toISOString(), nth: ++nth, state: "refused" });
    answer("refused", got.label, said[{ length: "sayLength", letter: "sayLetter", check: "sayCheck" }[got.wrong]]);
    return show();
  }
  await keep({ work: said.work, what: said.what, label: got.label, token: got.token, ...(said.facts && { facts: JSON.parse(said.facts) }) });
}
async function keep(scan) {
  const whole = { requestId: crypto.randomUUID(), ...scan, url: place.dataset.url, capturedAt: new Date().toISOString(), nth: ++nth, state: "waiting" };
  try {
    await change((store) => store.put(whole));
  } catch {
    return answer("refused", scan.label, place.dataset.sayStorage);
  }
  if (!scan.undoes) answer("recorded", scan.label, scan.what, whole.nth);
  await show();
  send();
}
async function undo(scan) {
  if (scan.state === "waiting") await navigator.locks.request("meguru-send", () => change((store) => {
    const now = store.get(scan.requestId); // it may have gone out while this waited for its turn
    now.onsuccess = () => { if (now.result?.state === "waiting") store.delete(scan.requestId); };
  }));
  else {
    await change((store) => store.put({ ...scan, undone: true }));
    await keep({ work: "undo", label: scan.label, token: scan.token, undoes: scan.requestId });
  }
  await show();
  field.focus();
}

/** Forgets what was refused, when a person has seen to it: it is recorded nowhere. */
async function settle(scan) {
  await change((store) => store.delete(scan.requestId));
  await show();
  field.focus();
}

// ── sending ──────────────────────────────────────────────────────────────────────────────────────────────────────
let going = Promise.resolve(), asking = false;
function send() {
  if (asking) return; // one round is waiting for its turn and will see everything written by then
  asking = true;
  going = going.then(() => navigator.locks.request("meguru-send", round)).catch(() => { reachable = false; later(); }).finally(show);
}
async function round() {
  asking = false;
  clearTimeout(retry);
  for (let size = SCANS_MAX, batch; (batch = await next(size)).length;) {
    const body = batch.map(({ requestId, work, label, token, capturedAt, facts, undoes }) => ({ requestId, work, label, token, capturedAt, facts, undoes }));
    const response = await fetch(target(batch[0]), {
      method: "POST", headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ sentAt: new Date().toISOString(), scans: body }), signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    reachable = response.status < 500 || response.status === 503;
    signedOut = response.status === 401;
    if (response.status >= 500 || LATER.has(response.status)) return later();
    if (!response.ok && batch.length > 1) { size = 1; continue; } // one of them is at fault: find it, let the others pass
    const told = await response.json().catch(() => ({}));
    const results = new Map((told.results ?? []).map((result) => [result.requestId, result]));
    const bad = (scan) => (response.ok ? results.get(scan.requestId)?.status >= 400 : true);
    const why = (scan) => results.get(scan.requestId)?.detail ?? told.detail ?? place.dataset.sayRefused;
    await change((store) => batch.forEach((scan) => store.put({ ...scan, ...(bad(scan) ? { state: "refused", detail: why(scan) } : { state: "sent" }) })));
    for (const scan of batch) if (results.get(scan.requestId)?.breaks?.length) note(scan.label, results.get(scan.requestId).breaks.join(" "));
    for (const scan of batch.filter(bad)) answer("refused", scan.label, why(scan));
    tries = 0;
    await forget();
    await show();
    document.dispatchEvent(new Event("stale"));
  }
}
/** What goes next, to one address: this page's own scans first, then those that another page of this device left. */
async function next(size) {
  const waiting = (await scans()).filter((scan) => scan.state === "waiting");
  const first = waiting.find((scan) => target(scan) === place.dataset.url) ?? waiting[0];
  return waiting.filter((scan) => target(scan) === target(first)).slice(0, size);
}
function target(scan) {
  return scan.url ?? place.dataset.url;
}
function later() {
  clearTimeout(retry);
  retry = setTimeout(send, RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)]);
}
async function forget() {
  const old = (await scans()).filter((scan) => scan.state === "sent").slice(0, -SENT_KEPT);
  if (old.length) await change((store) => old.forEach((scan) => store.delete(scan.requestId)));
}
async function save() {
  const kept = (await scans()).filter((scan) => scan.state !== "sent");
  const file = new Blob([JSON.stringify({ savedAt: new Date().toISOString(), scans: kept }, null, 1)], { type: "application/json" });
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: `meguru-scans-${Date.now()}.json` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Takes a saved queue into this device's own. What was sent elsewhere meanwhile is answered as a replay. */
async function load(event) {
  const input = event.target, [file] = input.files, say = document.getElementById("imported"), said = input.dataset;
  const got = file && saved(await file.text());
  field.focus();
  if (!file) return;
  input.value = "";
  if (!got) { say.textContent = said.sayForeign; return; }
  const here = new Set((await scans()).map((scan) => scan.requestId));
  const fresh = [...new Map(got.map((scan) => [scan.requestId, scan])).values()].filter((scan) => !here.has(scan.requestId));
  try {
    await change((store) => fresh.forEach((scan) => store.put({ ...scan, nth: ++nth, state: "waiting" })));
  } catch {
    say.textContent = place.dataset.sayStorage;
    return;
  }
  say.textContent = said.sayImported.replace("{new}", fresh.length).replace("{old}", got.length - fresh.length);
  await show();
  send();
}

// ── scanner, hand, camera ────────────────────────────────────────────────────────────────────────────────────────
function key(event) {
  const elsewhere = event.target !== field && event.target.closest?.("input:not([type=file]), textarea, select");
  if (!field.readOnly || elsewhere || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.timeStamp - lastKey > PAUSE_MS) buffer = "";
  lastKey = event.timeStamp;
  const ends = /^(Enter|NumpadEnter|Tab)$/.test(event.code) && buffer;
  if (ends) take(buffer);
  const sign = letter(event.code);
  if (!ends && !sign && event.code !== "Backspace") return;
  event.preventDefault();
  buffer = ends ? "" : event.code === "Backspace" ? buffer.slice(0, -1) : (buffer + sign).slice(-200);
  field.value = buffer;
}
async function look() {
  const view = document.getElementById("viewfinder"), Detector = globalThis.BarcodeDetector ?? (await import("./vendor/barcode-detector.js").catch(() => ({}))).BarcodeDetector;
  const stream = Detector && (await navigator.mediaDevices?.getUserMedia({ video: { facingMode: "environment" } }).catch(() => null));
  if (!stream) return answer("refused", "", place.dataset.sayCamera);
  Object.assign(view, { srcObject: stream, hidden: false });
  await view.play();
  const detector = new Detector({ formats: ["qr_code"] });
  for (const until = Date.now() + 30000; Date.now() < until; await new Promise((done) => setTimeout(done, 120))) {
    const [code] = await detector.detect(view).catch(() => []);
    if (code) { await take(code.rawValue); break; }
  }
  stream.getTracks().forEach((track) => track.stop());
  view.hidden = true;
}
async function begin() {
  field = document.getElementById("scan");
  field.readOnly = true; // a read-only field wakes neither an input method nor an on-screen keyboard
  part("tools").hidden = false;
  document.addEventListener("keydown", key, true);
  part("form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!field.readOnly) take(field.value);
    Object.assign(field, { readOnly: true, value: "" });
  });
  document.addEventListener("paste", (event) => {
    if (event.target === field) event.clipboardData.getData("text").split(/\s+/).forEach(take);
  });
  place.addEventListener("click", (event) => {
    const { name } = event.target.closest("button") ?? {};
    if (name !== "again" && name !== "by-hand") return;
    Object.assign(field, { readOnly: name === "again", value: "" });
    field.focus();
  });
  place.addEventListener("step", (event) => keep(event.detail));
  document.getElementById("camera").addEventListener("click", look);
  document.getElementById("export")?.addEventListener("click", save);
  document.getElementById("import")?.addEventListener("change", load);
  addEventListener("online", () => { tries = 0; send(); }); // the first attempt may come before the network really carries
  addEventListener("offline", show);
  const { worker, scope } = place.dataset;
  if (worker && navigator.serviceWorker) {
    await navigator.serviceWorker.register(worker, { scope }).catch(() => null);
    const parts = [...performance.getEntriesByType("resource").map((one) => one.name), ...READER.map((name) => new URL(name, import.meta.url).href)];
    navigator.serviceWorker.ready.then((ready) => ready.active.postMessage({ keep: [location.href, ...parts] }));
  }
  navigator.storage?.persist?.();
  nth = Math.max(0, ...(await scans()).map((scan) => scan.nth));
  field.focus();
  await show();
  send();
  place.dataset.ready = "";
}
if (place) begin();
