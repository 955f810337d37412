// A scanned slip carries the code behind the #: it never reaches the server's log. Send it as the form does.
const code = decodeURIComponent(location.hash.slice(1)).replace(/[^0-9]/g, "");
if (code.length === 12) {
  history.replaceState(null, "", location.pathname);
  document.querySelector("#code").value = code;
  document.querySelector("#track-form").requestSubmit();
}
