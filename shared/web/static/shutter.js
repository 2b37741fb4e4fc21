// Evidence photos: the SHA-256 of the original is computed on the device, before it leaves; the server compares what
// arrived. A video is not sent at all: only its hash, name and length are filled in. Without this the form works too.
//
// <form data-hash data-said-taken data-said-large data-said-unsent> with <input type="file"> in .mg-shutter, and #video
// with its fields. Sent from here, so that a refusal or a lost network takes nothing away, photos included. With
// data-alone it is sent by itself when both shutters are taken and all else is filled in; data-alone="witness" asks for
// that field too. #alone says so beforehand.

const VIDEO_MAX = 1024 ** 3; // bytes: WebCrypto hashes what is in memory, whole
const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const hash = async (file) => hex(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
const shuttersOf = (form) => [...form.querySelectorAll(".mg-shutter input")];
const pathOf = (url) => new URL(url).pathname;
const working = new Set();
const shot = new Set(); // shutters taken since the form was last sent: what was refused once is sent by hand
let form = null;
let sending = false;

/** Shows what was taken, and puts the hash of each file beside it in the order of the files. */
async function take(input) {
  const shutter = input.closest(".mg-shutter"), caption = shutter.parentElement.querySelector("figcaption");
  input.form.querySelectorAll(`[name="${input.name}_sha256"]`).forEach((old) => old.remove());
  shutter.classList.toggle("mg-shutter--taken", input.files.length > 0);
  shutter.style.backgroundImage = input.files.length ? `url(${URL.createObjectURL(input.files[0])})` : "";
  for (const file of input.files) {
    const value = await hash(file);
    input.form.append(Object.assign(document.createElement("input"), { type: "hidden", name: `${input.name}_sha256`, value }));
    caption.textContent = `${input.form.dataset.saidTaken}　${new Date().toTimeString().slice(0, 8)}　SHA-256 ${value.slice(0, 8)}…`;
  }
}

async function measure(input) {
  const [file] = input.files, said = document.getElementById("video-said"), { elements } = input.form;
  said.textContent = "";
  if (!file) return;
  elements.video_name.value = file.name;
  const view = Object.assign(document.createElement("video"), { preload: "metadata", src: URL.createObjectURL(file) });
  view.onloadedmetadata = () => { if (Number.isFinite(view.duration)) elements.video_duration_s.value = Math.max(1, Math.round(view.duration)); };
  elements.video_sha256.value = "";
  if (file.size > VIDEO_MAX) { said.textContent = input.form.dataset.saidLarge; return; }
  elements.video_sha256.value = await hash(file);
}

function busy(work) {
  working.add(work);
  return work.catch(() => null).finally(() => working.delete(work));
}

/** Whether nothing but photos is missing: a person was named where one has to stand by. */
function isFilled() {
  const needed = form.dataset.alone ? [form.dataset.alone] : [], given = new FormData(form);
  return form.checkValidity() && needed.every((name) => given.get(name));
}

function tell() {
  const hint = document.getElementById("alone");
  if (hint) hint.hidden = !isFilled();
}

async function taken(input) {
  shot.add(input.id);
  await busy(take(input));
  const isWhole = "alone" in form.dataset && shuttersOf(form).every((one) => one.files.length && shot.has(one.id));
  if (isWhole && !working.size && isFilled()) form.requestSubmit();
}

function complain(words) {
  let said = form.querySelector("[data-unsent]");
  if (!said) {
    said = Object.assign(document.createElement("p"), { className: "mg-field__error" });
    said.setAttribute("role", "alert");
    said.dataset.unsent = "";
    form.prepend(said);
  }
  said.textContent = words;
}

/** Puts the answer in the place of the page; what was taken and chosen goes with it. */
function replaced(answer) {
  const old = form, fresh = answer.querySelector("form[data-hash]");
  for (const input of fresh ? old.querySelectorAll("input[type=file]") : []) {
    const other = fresh.querySelector(`#${input.id}`);
    if (other) other.files = input.files;
  }
  document.querySelector("main").replaceWith(document.adoptNode(answer.querySelector("main")));
  if (fresh) {
    bind(fresh);
    for (const input of shuttersOf(fresh)) if (input.files.length) busy(take(input));
  }
  const first = document.querySelector("main [role=alert] a") ?? document.querySelector("main [role=alert]");
  if (first) { if (first.tagName !== "A") first.tabIndex = -1; first.focus(); }
}

async function send() {
  if (sending) return;
  sending = true;
  shot.clear();
  form.setAttribute("aria-busy", "true");
  try {
    await Promise.allSettled([...working]); // what is still being computed belongs to what is sent
    const response = await fetch(form.action, { method: "POST", body: new FormData(form) });
    if (response.redirected && pathOf(response.url) === pathOf(form.action)) { location.assign(response.url); return; }
    const answer = new DOMParser().parseFromString(await response.text(), "text/html");
    if (!response.redirected && answer.querySelector("main")) replaced(answer); // elsewhere is a sign-in
    else complain(form.dataset.saidUnsent);
  } catch {
    complain(form.dataset.saidUnsent); // sent again with the same request, it is recorded once
  }
  form.removeAttribute("aria-busy");
  sending = false;
}

function bind(fresh) {
  form = fresh;
  for (const input of shuttersOf(form)) input.addEventListener("change", () => taken(input));
  form.querySelector("#video")?.addEventListener("change", (event) => busy(measure(event.target)));
  form.addEventListener("input", tell);
  form.addEventListener("submit", (event) => { event.preventDefault(); send(); });
  form.dataset.ready = "";
  tell();
}

const found = document.querySelector("form[data-hash]");
if (found && globalThis.crypto?.subtle) bind(found);
