// The capture page opens where there is no network: its shell is kept; scans themselves live in IndexedDB (capture.js).
// Pages: network first, the kept copy when there is none; what an open page renews itself by (live.js) is kept too. Hashed static files: kept copy first. Nothing else is touched.

const SHELL = "meguru-shell-1";
const isPage = (request) => request.mode === "navigate" || request.headers.get("accept") === "text/html";
const isStatic = (url) => url.origin === location.origin && url.pathname.startsWith("/static/");

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("activate", (event) => event.waitUntil((async () => {
  for (const name of await caches.keys()) if (name.startsWith("meguru-shell-") && name !== SHELL) await caches.delete(name);
  await self.clients.claim();
})()));

self.addEventListener("message", (event) => event.waitUntil((async () => {
  const shell = await caches.open(SHELL);
  for (const address of event.data.keep ?? []) {
    const url = new URL(address);
    const page = url.href.startsWith(self.registration.scope);
    if (!page && !isStatic(url)) continue;
    const response = await fetch(url).catch(() => null);
    if (response?.ok && !response.redirected) await shell.put(url, response);
  }
})()));

async function page(request) {
  const shell = await caches.open(SHELL);
  try {
    const response = await fetch(request);
    if (response.ok && !response.redirected) await shell.put(request, response.clone());
    return response;
  } catch (failure) {
    if (request.mode !== "navigate" && isPage(request)) throw failure; // an open page knows more than its kept copy
    const any = { ignoreVary: true }; // kept by a script, asked for by a person: the Accept headers differ
    return (await shell.match(request, any)) ?? (await shell.match(request, { ...any, ignoreSearch: true })) ?? Response.error();
  }
}

async function asset(request) {
  const shell = await caches.open(SHELL);
  const kept = await shell.match(request, { ignoreVary: true });
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok) await shell.put(request, response.clone());
  return response;
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  if (isStatic(url) && url.searchParams.has("v")) event.respondWith(asset(event.request));
  else if (isStatic(url) || isPage(event.request)) event.respondWith(page(event.request)); // a name without a hash may change
});
