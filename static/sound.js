// The alarm's sound: two tones from the browser itself. Browsers keep silent until somebody has clicked, so the
// sound is armed by a button, and the page shows whether it is.

const TONES = [[880, 0], [660, 0.22], [880, 0.44]];
const TONE_S = 0.18;
const LOUDNESS = 0.25;

export class Sound {
  constructor(makeContext = () => new AudioContext()) {
    this.makeContext = makeContext;
    this.context = null;
    this.armed = false;
  }

  // To be called from a click or a key: then the browser lets the page be heard.
  wake() {
    try {
      this.context ??= this.makeContext();
      this.context.resume()?.catch?.(() => {});
    } catch {
      this.context = null;
    }
  }

  arm(wanted) {
    if (wanted) this.wake();
    this.armed = wanted;
  }

  isHeard() {
    return this.armed && this.context?.state === "running";
  }

  beep() {
    if (this.context?.state !== "running") return;
    for (const [pitch, after] of TONES) this.tone(pitch, this.context.currentTime + after);
  }

  tone(pitch, at) {
    const [source, volume] = [this.context.createOscillator(), this.context.createGain()];
    source.frequency.value = pitch;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(LOUDNESS, at + 0.02);
    volume.gain.linearRampToValueAtTime(0, at + TONE_S);
    source.connect(volume).connect(this.context.destination);
    source.start(at);
    source.stop(at + TONE_S);
  }
}
