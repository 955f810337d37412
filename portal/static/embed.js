// One line on a government site: <script src="https://…/embed.js" async></script> puts the hotline's frame there.
// data-show="search" or "ask" leaves the other half out; data-height sets the height in pixels.
(() => {
  const script = document.currentScript;
  const frame = document.createElement("iframe");
  const show = ["search", "ask"].includes(script.dataset.show) ? `?show=${script.dataset.show}` : "";
  frame.src = new URL(`/embed${show}`, script.src).href;
  frame.title = "政务信息查询";
  frame.width = "100%";
  frame.height = /^\d{2,4}$/.test(script.dataset.height || "") ? script.dataset.height : "320";
  frame.loading = "lazy";
  frame.setAttribute("frameborder", "0");
  frame.setAttribute("sandbox", "allow-forms allow-popups allow-popups-to-escape-sandbox allow-same-origin allow-scripts");
  script.after(frame);
})();
