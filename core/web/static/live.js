// A live page: one WebSocket that comes back by itself; the server sends whole states, so nothing is replayed.
import { toLogin } from "./http.js";

const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 10000;
const SESSION_ENDED = 4401;

/**
 * Listen on `path`. `onMessage(message)` gets each parsed JSON; `onState("open" | "lost")` tells the connection.
 * Returns { send(message), close() }.
 */
export function live(path, { onMessage, onState = showState }) {
  let socket;
  let pause = FIRST_PAUSE_MS;
  let timer;
  let wanted = true;

  function connect() {
    clearTimeout(timer);
    const url = new URL(path, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    socket = new WebSocket(url);
    socket.addEventListener("open", () => {
      pause = FIRST_PAUSE_MS;
      onState("open");
    });
    socket.addEventListener("message", (event) => onMessage(JSON.parse(event.data)));
    socket.addEventListener("close", (event) => {
      if (!wanted) return;
      if (event.code === SESSION_ENDED) return toLogin();
      onState("lost");
      timer = setTimeout(connect, pause * (0.5 + Math.random()));
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    });
  }

  connect();
  addEventListener("online", () => socket.readyState > WebSocket.OPEN && connect());
  return {
    send: (message) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message)),
    close: () => {
      wanted = false;
      clearTimeout(timer);
      socket.close();
    },
  };
}

/** The default sign of a lost connection: a bar at the top of the page. */
function showState(state) {
  document.documentElement.classList.toggle("offline", state === "lost");
  let bar = document.getElementById("offline-bar");
  if (!bar) {
    bar = Object.assign(document.createElement("div"), { id: "offline-bar", className: "offline-bar" });
    bar.setAttribute("role", "status");
    document.body.prepend(bar);
  }
  bar.textContent = state === "lost" ? "与服务器的连接已断开，正在重新连接……" : "";
  bar.hidden = state !== "lost";
}
