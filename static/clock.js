// The server's time, as the page knows it. It runs on the browser's monotonic clock, so that a browser whose
// wall clock is wrong, or is set during the night, still shows the right ages and countdowns.

// Closer than this a new measure is noise; the clock strip should not stutter.
const NOISE_MS = 250;

export class ServerClock {
  constructor(monotonic = () => performance.now(), wall = () => Date.now()) {
    this.monotonic = monotonic;
    this.wall = wall;
    this.base = wall() - monotonic();
    this.known = false;
  }

  // An answer with the server's time: it was read somewhere between sending and receiving.
  note(timeMs, sentAt, receivedAt) {
    const base = timeMs - (sentAt + receivedAt) / 2;
    const tolerance = NOISE_MS + (receivedAt - sentAt) / 2;
    if (!this.known || Math.abs(base - this.base) > tolerance) this.base = base;
    this.known = true;
  }

  now() {
    return this.monotonic() + this.base;
  }

  // How far this computer's own clock is ahead of the server's.
  skew() {
    return this.known ? this.wall() - this.now() : 0;
  }
}

// A stopwatch that also counts while the computer sleeps, where the monotonic clock may stand still.
export class Since {
  constructor(monotonic = () => performance.now(), wall = () => Date.now()) {
    this.monotonic = monotonic;
    this.wall = wall;
    this.restart();
  }

  restart() {
    this.from = [this.monotonic(), this.wall()];
  }

  ms() {
    return Math.max(this.monotonic() - this.from[0], this.wall() - this.from[1]);
  }
}
