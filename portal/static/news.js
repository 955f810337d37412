// Calls `react` when what is published has changed, and after a line that was lost is back.
import { live } from "/static/core/live.js";

export function onNews(react) {
  let wasLost = false;
  live("/news", {
    onMessage: (message) => message.kind === "changed" && react(),
    onState: (state) => {
      document.documentElement.dataset.line = state; // for whoever waits until the page listens
      if (state === "open" && wasLost) react();
      wasLost = state === "lost";
    },
  });
}
