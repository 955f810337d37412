// Draws the loudness of one or two channels; knows nothing of sound or time beyond a share from 0 to 1.
const QUIETEST = 20; // a recording of nothing but hiss is not blown up to look like talk

/** `peaks`: one list of 0…100 per channel. `share`: how much was played. `marks`: shares with a note. `quiet`: from and to, as shares, of silences. */
export function draw(canvas, peaks, { share = 0, marks = [], muted = [], quiet = [] } = {}) {
  const scale = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (!width) return;
  if (canvas.width !== Math.round(width * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const context = canvas.getContext("2d");
  const colour = (name) => getComputedStyle(canvas).getPropertyValue(name);
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  context.fillStyle = colour("--wave-quiet");
  for (const [from, to] of quiet) context.fillRect(from * width, 0, (to - from) * width, height);
  const lane = height / Math.max(peaks.length, 1);
  const loudest = Math.max(QUIETEST, ...peaks.flat());
  peaks.forEach((values, channel) => {
    const middle = lane * (channel + 0.5);
    const [played, ahead] = muted[channel]
      ? [colour("--wave-muted"), colour("--wave-muted")]
      : [colour(`--wave-${channel}`), colour(`--wave-${channel}-ahead`)];
    values.forEach((peak, index) => {
      const x = (index / values.length) * width;
      const half = Math.max(0.75, (peak / loudest) * (lane / 2 - 4));
      context.fillStyle = index / values.length < share ? played : ahead;
      context.fillRect(x, middle - half, Math.max(1, width / values.length - 0.6), half * 2);
    });
  });
  context.fillStyle = colour("--wave-mark");
  for (const mark of marks) {
    context.fillRect(mark * width - 1, 0, 2, height);
    context.beginPath();
    context.arc(mark * width, 5, 5, 0, Math.PI * 2);
    context.fill();
  }
  context.fillStyle = colour("--wave-head");
  context.fillRect(Math.min(share * width, width - 2), 0, 2, height);
}
