// A prompt's page: hear what callers would hear of the text or the recording in the form, before it is put in force.
const form = document.getElementById("prompt-form");
const button = document.getElementById("preview");
const result = document.getElementById("preview-result");

async function preview() {
  button.disabled = true;
  result.textContent = "正在生成……";
  try {
    const response = await fetch(form.dataset.preview, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } });
    if (response.ok) show(await response.blob());
    else refuse((await response.json()).error.message);
  } catch {
    refuse("连不上服务器，请检查网络后重试。");
  }
  button.disabled = false;
}

function show(sound) {
  const player = Object.assign(document.createElement("audio"), { controls: true, src: URL.createObjectURL(sound) });
  player.setAttribute("aria-label", "试听的声音");
  result.replaceChildren(player);
  player.play().catch(() => {}); // a browser that forbids it shows the player all the same
}

function refuse(sentence) {
  result.replaceChildren(Object.assign(document.createElement("p"), { className: "notice bad", textContent: sentence }));
}

button.addEventListener("click", preview);
