// The bell of staff pages: how many notices are unread, now and whenever some are posted.
import { follow } from "./changes.js";
import { get } from "./http.js";

const bell = document.getElementById("bell");

async function count() {
  const { unread } = await get("/notices/count", { quiet: true }).catch(() => ({ unread: 0 }));
  const text = unread > 99 ? "99+" : String(unread);
  document.getElementById("bell-count").textContent = unread ? text : "";
  bell.setAttribute("aria-label", unread ? `通知，${text} 条未读` : "通知");
}

if (bell) {
  count();
  follow(["notices"], count);
}
