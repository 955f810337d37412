// Level meter (音量表): shows that one's own voice leaves and the other side's arrives.
export class Meter {
  #context = null;
  #timer = null;

  /** `elements`: two <meter> elements, own voice and other side. */
  constructor(own, other) {
    this.elements = [own, other];
  }

  start(streams) {
    this.stop();
    this.#context = new AudioContext();
    const analysers = streams.map((stream) => {
      if (!stream) return null;
      const analyser = this.#context.createAnalyser();
      analyser.fftSize = 512;
      this.#context.createMediaStreamSource(stream).connect(analyser);
      return analyser;
    });
    const samples = new Float32Array(512);
    this.#timer = setInterval(() => {
      analysers.forEach((analyser, i) => {
        if (analyser) analyser.getFloatTimeDomainData(samples);
        else samples.fill(0);
        const power = samples.reduce((sum, value) => sum + value * value, 0) / samples.length;
        // -60 dB is silence, 0 dB is full scale.
        this.elements[i].value = Math.max(0, Math.min(1, 1 + (10 * Math.log10(power + 1e-9)) / 60));
      });
    }, 120);
  }

  stop() {
    clearInterval(this.#timer);
    this.#context?.close();
    this.#context = null;
    for (const element of this.elements) element.value = 0;
  }
}
