// A page that is open follows what is recorded: the server says "changed", the page asks for itself again and takes over
// what is different. What somebody is typing, has chosen or is reading unfolded is left as it is.
const town = document.querySelector("script[data-town]").dataset.town;
const main = () => document.getElementById("main"); // asked for anew: what is built otherwise takes the place of the old
const FIELDS = "input, textarea, select";
const AGAIN_MS = 30000;
let asking = false;
let missed = false;

function listen() {
  const words = new EventSource(`/live/${encodeURIComponent(town)}`);
  words.addEventListener("changed", () => (document.hidden ? (missed = true) : renew()));
  words.addEventListener("error", () => {
    if (words.readyState !== EventSource.CLOSED) return; // it comes again by itself
    setTimeout(listen, AGAIN_MS);
  });
}

async function renew() {
  missed = true;
  // An answer that asks for something stays with what was typed into it: the address alone would not show it again.
  if (asking || main().querySelector("[role=alert]:not([data-kept] *)")) return;
  asking = true;
  try {
    while (missed) {
      missed = false;
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok || answer.redirected) return; // signed out, or the contract has ended: what is here stays
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      take(main(), page.getElementById("main"));
      document.dispatchEvent(new Event("renewed"));
    }
  } catch {
    // without network the page stays as it is; the next word asks again
  } finally {
    asking = false;
  }
}

// Takes over what differs, as deep as both are built alike, so that the rest keeps its focus and its place.
function take(old, fresh) {
  if ("kept" in old.dataset) return; // what this page has made itself
  if (plain(old) === plain(fresh) || (old.matches(FIELDS + ", form") && isInHand(old))) return;
  const [ours, theirs] = [[...old.children], [...fresh.children]];
  const isAlike = ours.length && ours.length === theirs.length && ours.every((one, nth) => one.tagName === theirs[nth].tagName);
  if (isAlike && ownText(old) === ownText(fresh)) {
    for (const { name, value } of fresh.attributes) if (name !== "open") old.setAttribute(name, value);
    ours.forEach((one, nth) => take(one, theirs[nth]));
  } else if (!isInHand(old)) {
    const unfolded = old.querySelectorAll("details");
    fresh.querySelectorAll("details").forEach((one, nth) => (one.open ||= unfolded[nth]?.open));
    old.replaceWith(document.importNode(fresh, true));
  }
}

const plain = (one) => one.outerHTML.replace(/(name="request" value=")[^"]*/g, "$1"); // made anew for each look
const ownText = (one) => [...one.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data.trim()).join();

// In hand is what has the focus or holds something that was typed or chosen and not sent.
function isInHand(one) {
  if (one.contains(document.activeElement)) return true;
  return [one, ...one.querySelectorAll(FIELDS)].some((field) => field.matches(FIELDS) && isChanged(field));
}

function isChanged(field) {
  if (field.type === "hidden") return false;
  if (field.type === "file") return field.files.length > 0;
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  if (field.tagName !== "SELECT") return field.value !== field.defaultValue;
  const first = [...field.options].find((option) => option.defaultSelected) ?? field.options[0];
  return field.selectedOptions[0] !== first;
}

document.addEventListener("stale", renew); // what this page sent is recorded
document.addEventListener("visibilitychange", () => !document.hidden && missed && renew());
listen();
