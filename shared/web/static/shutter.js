// Evidence photos: the SHA-256 of the original is computed on the device, before it leaves; the server compares what
// arrived. A video is not sent at all: only its hash, name and length are filled in. Without this the form works too.
//
// <form data-hash data-said-taken data-said-large> with <input type="file"> in .mg-shutter, and #video with its fields.

const VIDEO_MAX = 1024 ** 3; // bytes: WebCrypto hashes what is in memory, whole
const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const hash = async (file) => hex(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
const form = document.querySelector("form[data-hash]");
const working = new Set();

/** Shows what was taken, and puts the hash of each file beside it in the order of the files. */
async function take(input) {
  const shutter = input.closest(".mg-shutter"), caption = shutter.parentElement.querySelector("figcaption");
  form.querySelectorAll(`[name="${input.name}_sha256"]`).forEach((old) => old.remove());
  shutter.classList.toggle("mg-shutter--taken", input.files.length > 0);
  shutter.style.backgroundImage = input.files.length ? `url(${URL.createObjectURL(input.files[0])})` : "";
  for (const file of input.files) {
    const value = await hash(file);
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name: `${input.name}_sha256`, value }));
    caption.textContent = `${form.dataset.saidTaken}　${new Date().toTimeString().slice(0, 8)}　SHA-256 ${value.slice(0, 8)}…`;
  }
}

async function measure(input) {
  const [file] = input.files, said = document.getElementById("video-said"), { elements } = form;
  said.textContent = "";
  if (!file) return;
  elements.video_name.value = file.name;
  const view = Object.assign(document.createElement("video"), { preload: "metadata", src: URL.createObjectURL(file) });
  view.onloadedmetadata = () => { if (Number.isFinite(view.duration)) elements.video_duration_s.value = Math.max(1, Math.round(view.duration)); };
  elements.video_sha256.value = "";
  if (file.size > VIDEO_MAX) { said.textContent = form.dataset.saidLarge; return; }
  elements.video_sha256.value = await hash(file);
}

function busy(work) {
  working.add(work);
  work.catch(() => null).finally(() => working.delete(work));
}

if (form && globalThis.crypto?.subtle) {
  for (const input of form.querySelectorAll(".mg-shutter input")) input.addEventListener("change", () => busy(take(input)));
  form.querySelector("#video")?.addEventListener("change", (event) => busy(measure(event.target)));
  form.addEventListener("submit", async (event) => {
    if (!working.size) return;
    event.preventDefault(); // what is still being computed belongs to what is sent
    const { submitter } = event;
    await Promise.allSettled([...working]);
    form.requestSubmit(submitter);
  });
  form.dataset.ready = "";
}
