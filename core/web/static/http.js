// Requests to our own server: adds the CSRF token, turns a refusal into a Chinese toast.
import { toast } from "./ui.js";

export class Refused extends Error {
  constructor(status, code, message, fields) {
    super(message);
    this.status = status;
    this.code = code;
    this.fields = fields;
  }
}

const csrf = () => document.querySelector('meta[name="csrf"]')?.content ?? "";

async function refusalOf(response) {
  try {
    const { error } = await response.json();
    return new Refused(response.status, error.code, error.message, error.fields);
  } catch {
    return new Refused(response.status, "internal", "服务器没有正常回应，请稍后再试。", {});
  }
}

/** Send and return the parsed JSON (null when empty). Throws Refused after showing it; `quiet` shows nothing. */
export async function send(method, url, body, { quiet = false, signal } = {}) {
  const headers = { Accept: "application/json", "X-CSRF-Token": csrf() };
  let payload;
  if (body instanceof FormData || body instanceof URLSearchParams) payload = body;
  else if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    payload = JSON.stringify(body);
  }
  let failure;
  try {
    const response = await fetch(url, { method, headers, body: payload, signal, credentials: "same-origin" });
    if (response.ok) return response.status === 204 ? null : await readBody(response);
    failure = await refusalOf(response);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    failure = new Refused(0, "offline", "连不上服务器，请检查网络后重试。", {});
  }
  if (failure.code === "login_required" && !quiet) toLogin();
  else if (!quiet) toast(failure.message, "bad");
  throw failure;
}

async function readBody(response) {
  const kind = response.headers.get("Content-Type") ?? "";
  return kind.includes("application/json") ? response.json() : response.text();
}

export const get = (url, options) => send("GET", url, undefined, options);
export const post = (url, body = {}, options) => send("POST", url, body, options);

/** A last word while the page goes away; the browser sends it even then. */
export function beacon(url, fields = {}) {
  const form = new FormData();
  form.append("csrf", csrf());
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return navigator.sendBeacon(url, form);
}

export function toLogin() {
  const here = location.pathname + location.search;
  location.assign(`/login?next=${encodeURIComponent(here)}`);
}
