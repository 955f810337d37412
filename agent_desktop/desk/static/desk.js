// The operator's page (话务台): takes the whole state from the server, hands it to the panels, wires the telephone.
import { live } from "/static/core/live.js";
import { Station } from "/static/softphone/station.js";
import { AudioSettings } from "/static/softphone/audio-settings.js";
import { CallPanel } from "./call.js";
import { OwedCalls } from "./owed-calls.js";
import { Directory } from "./directory.js";
import { Phrases } from "./phrases.js";
import { Practice } from "./practice.js";
import { Search } from "./search.js";
import { Seat } from "./seat.js";
import { TicketForm } from "./ticket.js";

const $ = (id) => document.getElementById(id);
const announce = (text) => ($("announcer").textContent = text);

const station = new Station({
  audio: $("remote-audio"),
  meters: [$("level-own"), $("level-other")],
  pageUrl: "/desk/page",
});
const desk = { state: null, station, announce };
const phrases = new Phrases(desk);
const directory = new Directory(desk, { toAgent: (place) => ticket.toAgent(place) });
const ticket = new TicketForm(desk, {
  units: () => directory.units,
  changed: () => phrases.show(desk.state, ticket.choices()),
});
const search = new Search({ ticketNo: () => ticket.number, insert: (entry) => ticket.insertAnswer(entry), answer: $("f-answer") });
const call = new CallPanel(desk, { ticketNo: () => ticket.number });
const seat = new Seat(desk, { finish: () => ticket.finish() });
const owedCalls = new OwedCalls(desk);
const practice = new Practice();
const audio = new AudioSettings(station);

function show(state) {
  const before = desk.state;
  desk.state = state;
  desk.skewMs = Date.parse(state.now) - Date.now();
  window.deskState = state;
  seat.show(state);
  call.show(state, before);
  ticket.show(state);
  directory.show(state);
  owedCalls.show(state);
  practice.show(state);
  phrases.show(state, ticket.choices());
  if (state.call && state.call.phase === "talking" && before?.call?.phase === "ringing") forNewCaller();
}

function forNewCaller() {
  search.clear();
  if (document.activeElement === document.body || document.activeElement === $("answer")) $("f-question").focus();
}

station.addEventListener("change", () => {
  seat.showLine();
  call.showControls();
});
station.addEventListener("ended", (event) => call.ended(event.detail));

// Ctrl+Enter ends the wrap-up from anywhere, but in the directory of a running call it means a transfer without asking.
function onKey(event) {
  if (event.key === "F1") {
    event.preventDefault();
    $("keys-dialog").showModal();
  }
  if (event.key !== "Enter" || !event.ctrlKey || event.target.closest("dialog")) return;
  if (event.target.closest("#directory") && directory.canTransfer) return;
  event.preventDefault();
  event.stopPropagation();
  ticket.finish();
}
document.addEventListener("keydown", onKey, { capture: true });

live("/desk/ws", { onMessage: (message) => message.kind === "state" && show(message) });
setInterval(() => [seat, call].forEach((panel) => panel.tick()), 500);
audio.start();
