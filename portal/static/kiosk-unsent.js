// Questions asked while the network was gone: they wait on this terminal and are sent when it is back. What they say is shown to nobody.
const PLACE = "kiosk-unsent";
const MOST = 200;

/** What waits: {question, unit, phone, form}; `form` is the number under which it is stored once, however often it is sent. */
function waiting() {
  return JSON.parse(localStorage.getItem(PLACE) || "[]");
}

function put(items) {
  localStorage.setItem(PLACE, JSON.stringify(items));
}

export function count() {
  return waiting().length;
}

/** Whether there was room for one more. */
export function keep(item) {
  const items = waiting();
  if (items.length >= MOST) return false;
  put([...items, item]);
  return true;
}

async function post(item) {
  const body = new FormData();
  for (const [name, value] of Object.entries({ ...item, door: "kiosk" })) body.set(name, value);
  return fetch("/ask", { method: "POST", body, headers: { Accept: "application/json" } });
}

async function sendFirst() {
  const [item, ...others] = waiting();
  if (!item.form) {
    item.form = (await (await fetch("/kiosk/form")).json()).form;
    put([item, ...others]);
  }
  const response = await post(item);
  if (response.ok) {
    put(others);
    return true;
  }
  const { error } = await response.json();
  if (error.code === "form_expired") item.form = "";
  else if (error.code === "unit_unknown") Object.assign(item, { form: "", unit: "" }); // gone meanwhile: the office finds out
  put([item, ...others]);
  return false;
}

let isSending = false;

/** Send what waits, one after the other, until the network or the server says no. */
export async function sendAll() {
  if (isSending) return;
  isSending = true;
  try {
    while (count() && (await sendFirst()));
  } catch {
    // still no network: tried again later
  } finally {
    isSending = false;
  }
}
