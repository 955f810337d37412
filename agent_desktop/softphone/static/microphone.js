// Microphone test and device choice (麦克风检测): says in Chinese what is wrong before a citizen finds out.
const REFUSALS = {
  NotAllowedError: "浏览器没有得到使用麦克风的许可。请点击地址栏左侧的图标，把“麦克风”改为“允许”，然后刷新页面。",
  NotFoundError: "没有找到麦克风。请插好耳麦，然后按“重新检测”。",
  NotReadableError: "麦克风被别的程序占用。请关闭其他正在使用麦克风的程序，然后按“重新检测”。",
};

/** Returns {ok, text}: whether a call can be heard from here, and if not what to do. */
export async function testMicrophone(deviceId = null) {
  if (!window.isSecureContext || !navigator.mediaDevices) {
    return { ok: false, text: "此页面不是通过 HTTPS 打开的，浏览器不允许使用麦克风。请改用 https:// 开头的地址，或联系管理员。" };
  }
  try {
    const audio = deviceId ? { deviceId: { exact: deviceId } } : true;
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    for (const track of stream.getTracks()) track.stop();
    return { ok: true, text: "" };
  } catch (error) {
    return { ok: false, text: REFUSALS[error.name] || `麦克风无法使用（${error.name}）。请检查耳麦后按“重新检测”。` };
  }
}

/** [{id, label}] of one kind, `audioinput` or `audiooutput`. */
export async function devices(kind) {
  const all = (await navigator.mediaDevices?.enumerateDevices()) || [];
  return all
    .filter((device) => device.kind === kind && device.deviceId)
    .map((device, i) => ({ id: device.deviceId, label: device.label || `设备 ${i + 1}` }));
}

/** Fills a <select> with the devices of a kind and keeps the choice in this browser. */
export async function deviceSelect(select, kind, chosen) {
  const key = `phone-device-${kind}`;
  const draw = async () => {
    const saved = localStorage.getItem(key) || "";
    const options = [{ id: "", label: "系统默认" }, ...(await devices(kind)).filter((d) => d.id !== "default")];
    select.replaceChildren(...options.map((d) => new Option(d.label, d.id, false, d.id === saved)));
    chosen(select.value);
  };
  select.addEventListener("change", () => {
    localStorage.setItem(key, select.value);
    chosen(select.value);
  });
  navigator.mediaDevices?.addEventListener("devicechange", draw);
  await draw();
}
