// The caller's telephone (演示电话): borrows a guest account for each call, dials the hotline, sends keys.
import { post } from "/static/core/http.js";
import { span } from "/static/core/ui.js";
import { Meter } from "/static/softphone/meter.js";
import { testMicrophone } from "/static/softphone/microphone.js";
import { keyTone } from "/static/softphone/ring.js";
import { Softphone } from "/static/softphone/softphone.js";

const $ = (id) => document.getElementById(id);
const number = $("dial").dataset.number;
const meter = new Meter($("level-own"), $("level-other"));
const REFUSALS = { 503: "拨打过于频繁或号码不允许，请一分钟后再试。" };
const STATES = { dialling: "正在拨打……", ringing: "正在接通……", connecting: "正在接通……", talking: "通话中" };
let phone = null;
let metering = false;
let preparing = false;

const call = () => phone?.snapshot().call ?? null;

async function dial() {
  if (phone || preparing) return;
  preparing = true;
  problem("");
  show();
  try {
    const test = await testMicrophone();
    if (!test.ok) return problem(test.text);
    const account = await post("/phone/session", {}, { quiet: true });
    phone = new Softphone({ ...account, register: false }, $("remote-audio"));
    phone.addEventListener("change", show);
    phone.addEventListener("ended", (event) => finish(event.detail));
    await phone.start();
    if (phone.snapshot().registration !== "registered") return finish({ text: "连不上电话服务器，请稍后再试。", failed: true });
    $("sent").textContent = "";
    phone.call(number);
  } catch (error) {
    problem(error.message);
  } finally {
    preparing = false;
    show();
  }
  return undefined;
}

function finish({ text, status, byMe, failed, talkingSince }) {
  phone?.stop();
  phone = null;
  if (!byMe && (failed || !talkingSince)) problem(REFUSALS[status] ?? (text || "没有接通，请稍后再试。"));
  $("display").textContent = "通话结束";
  show();
}

function problem(text) {
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

function show() {
  const now = call();
  $("dial").hidden = Boolean(now);
  $("dial").disabled = preparing;
  $("end").hidden = !now;
  if (now) $("display").textContent = now.heldByPeer ? "请稍候" : STATES[now.phase];
  else if (preparing) $("display").textContent = "正在准备……";
  else if ($("display").textContent !== "通话结束") $("display").textContent = number;
  const talking = now?.phase === "talking";
  $("levels").hidden = !talking;
  if (talking && !metering) meter.start([phone.localStream, phone.remoteStream]);
  if (!talking && metering) meter.stop();
  metering = talking;
}

function press(key) {
  keyTone(key);
  if (call()?.phase !== "talking") return;
  phone.sendKeys(key);
  $("sent").textContent = ($("sent").textContent + key).slice(-24);
}

$("dial").addEventListener("click", dial);
$("end").addEventListener("click", () => phone?.hangUp());
$("keypad").addEventListener("click", (event) => event.target.dataset.digit && press(event.target.dataset.digit));
document.addEventListener("keydown", (event) => {
  if (/^[0-9*#]$/.test(event.key) && !event.ctrlKey && !event.altKey) press(event.key);
});
setInterval(() => {
  const since = call()?.talkingSince;
  $("clock").textContent = since ? span((Date.now() - since) / 1000) : "";
}, 500);
