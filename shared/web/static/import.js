// Many report files, a hundred a request, with a bar and a row for each. Without this module the plain form takes a hundred.
// Files are dropped anywhere on the page: beside the field a browser would leave the page to show them, and lose the rest.
// A part that did not arrive is sent again with its own request id: what was recorded is answered, not recorded twice.
const part = (id) => document.getElementById(id);
const FILES_MAX = 100, BYTES_MAX = 16 * 1024 * 1024, AT_ONCE = 2;
let parts = [], sent = 0, chosen = null;

// No crypto.randomUUID on a bare http address; a request id needs to be unlike others, not secret (RFC 9562, version 4).
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function cut(files) {
  const made = [];
  let bytes = 0;
  for (const file of files) {
    if (!made.length || made.at(-1).files.length >= FILES_MAX || bytes + file.size > BYTES_MAX) {
      made.push({ id: newId(), files: [] });
      bytes = 0;
    }
    made.at(-1).files.push(file);
    bytes += file.size;
  }
  return made;
}

async function send(form, one) {
  const body = new FormData(form);
  body.delete("files");
  body.set("request", one.id);
  body.set("only", "rows");
  for (const file of one.files) body.append("files", file, file.name);
  const answer = await fetch(form.action, { method: "POST", body, headers: { accept: "text/html" } });
  const page = new DOMParser().parseFromString(answer.ok ? `<table><tbody>${await answer.text()}</tbody></table>` : await answer.text(), "text/html");
  if (!answer.ok) throw new Error(page.querySelector("[role=alert]")?.textContent.trim() || String(answer.status));
  part("rows").append(...page.querySelector("tbody").children);
  sent += one.files.length;
  part("sent").value = sent;
  part("sent-n").textContent = sent;
}

async function work(form) {
  for (let one; (one = parts.shift()); ) {
    try {
      await send(form, one);
    } catch (failure) {
      parts.unshift(one);
      throw failure;
    }
  }
}

const NAMED_MAX = 3;

function named({ files }) {
  const names = [...files].slice(0, NAMED_MAX).map((file) => file.name).join("、");
  part("chosen").textContent = files.length ? `${part("chosen").dataset.said} ${files.length}：${names}${files.length > NAMED_MAX ? " …" : ""}` : "";
}

function dropping(event) {
  const input = part("import")?.elements.files;
  if (!input || !event.dataTransfer?.types.includes("Files")) return null;
  event.preventDefault();
  return input;
}

document.addEventListener("dragover", dropping);
document.addEventListener("drop", (event) => {
  const input = dropping(event);
  if (!input || !event.dataTransfer.files.length) return;
  input.files = event.dataTransfer.files;
  named(input);
});
document.addEventListener("change", (event) => { if (event.target.id === "files") named(event.target); });

document.addEventListener("submit", async (event) => { // on the document: a live page may take over a new form
  const form = event.target;
  if (form.id !== "import") return;
  const files = form.elements.files.files;
  if (!files.length) return;
  event.preventDefault();
  if (chosen !== files) {
    [parts, sent, chosen] = [cut(files), 0, files];
    part("rows").replaceChildren();
  }
  const button = form.querySelector("button");
  button.disabled = true;
  part("sent").max = files.length;
  part("sent-of").textContent = files.length;
  part("stopped").hidden = true;
  part("stopped").removeAttribute("role");
  part("results-all").dataset.kept = part("sending").dataset.kept = ""; // live.js leaves them as they are
  for (const id of ["sending", "results-all"]) part(id).hidden = false;
  const ended = await Promise.allSettled(Array.from({ length: AT_ONCE }, () => work(form)));
  const failed = ended.find((one) => one.status === "rejected");
  button.disabled = false;
  if (failed) {
    part("stopped-why").textContent = failed.reason.message;
    part("stopped").setAttribute("role", "alert");
    part("stopped").hidden = false;
  } else {
    document.querySelector("#results-all .mg-section__head p").textContent = sent;
    [parts, chosen] = [[], null];
    form.elements.files.value = "";
    named(form.elements.files);
  }
});
