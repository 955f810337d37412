// Keeps the terminal's page and its last answers, and gives them when the network is gone. Never keeps what people send.
const KEEP = "kiosk-3";
const FILES = [
  "/kiosk", "/kiosk/answers.json", "/static/core/hotline.css", "/static/core/ui.js", "/static/core/icon.svg", "/static/portal/kiosk.css",
  "/static/portal/kiosk.js", "/static/portal/kiosk-unsent.js", "/static/portal/keyboard.js", "/static/portal/news.js", "/static/core/live.js", "/static/core/http.js", "/static/portal/pinyin.js", "/static/portal/pinyin.json",
];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEEP).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter((name) => name !== KEEP).map((name) => caches.delete(name)))).then(() => self.clients.claim()));
});

async function keptAnswer(request) {
  const kept = await caches.match(request, { ignoreSearch: true });
  if (!kept) return Response.error();
  const headers = new Headers(kept.headers);
  headers.set("X-Kept", "1");
  return new Response(await kept.blob(), { status: kept.status, headers });
}

async function fresh(request) {
  try {
    const response = await fetch(request);
    if (!response.ok) return response;
    const copy = response.clone();
    (await caches.open(KEEP)).put(new URL(request.url).pathname, copy); // one copy, whatever its version
    return response;
  } catch {
    return keptAnswer(request);
  }
}

self.addEventListener("fetch", (event) => {
  const path = new URL(event.request.url).pathname;
  if (event.request.method === "GET" && FILES.includes(path)) event.respondWith(fresh(event.request));
});
