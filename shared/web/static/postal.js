// A postal code fills in the beginning of an address (postal.html). What a person typed there is never written over.

const code = document.getElementById("postal");
const address = document.getElementById("address");
const said = document.getElementById("postal-said");
let filled = "";
let last = "";

async function lookUp() {
  const digits = code.value.normalize("NFKC").replace(/[^0-9]/g, "");
  if (digits === last) return;
  last = digits;
  said.textContent = "";
  if (digits.length !== 7) return;
  const answer = await fetch(code.dataset.url + digits).catch(() => null);
  const found = answer?.ok ? await answer.json() : { address: "", say: code.dataset.away };
  if (digits !== last) return; // another was typed meanwhile
  said.textContent = found.say;
  if (found.address && (address.value === "" || address.value === filled)) address.value = filled = found.address;
}

code.closest("[hidden]").hidden = false;
code.addEventListener("input", lookUp);
address.addEventListener("focus", () => { // to go on behind it, where a browser would mark all of it
  if (filled && address.value === filled) address.setSelectionRange(filled.length, filled.length);
});
