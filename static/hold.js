// A button that acts only when it is held: by pointer, touch or keyboard (Space, Enter). Released early it does
// nothing. The element shows how far it is by the property --held, from 0 to 1.

export function holdable(button, { ms, done, early = () => {} }) {
  const hold = { timer: 0, from: 0, frame: 0 };

  function begin() {
    if (hold.timer) return;
    hold.from = performance.now();
    hold.timer = setTimeout(() => { end(); done(); }, ms);
    button.dataset.holding = "yes";
    draw();
  }

  function draw() {
    button.style.setProperty("--held", Math.min(1, (performance.now() - hold.from) / ms).toFixed(3));
    hold.frame = requestAnimationFrame(draw);
  }

  function end() {
    clearTimeout(hold.timer);
    cancelAnimationFrame(hold.frame);
    hold.timer = 0;
    delete button.dataset.holding;
    button.style.setProperty("--held", "0");
  }

  function release() {
    if (!hold.timer) return;
    end();
    early();
  }

  byPointer(button, begin, release);
  byKeyboard(button, begin, release);
  return { begin, release };
}

// Shift+Esc held anywhere on the page, also in a field. A key that repeats is still the same hold.
export function holdByShiftEscape({ begin, release }) {
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !event.shiftKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) begin();
  }, true);
  addEventListener("keyup", (event) => { if (event.key === "Escape" || event.key === "Shift") release(); }, true);
  addEventListener("blur", release);
}

function byPointer(button, begin, release) {
  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    button.setPointerCapture(event.pointerId);
    begin();
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) button.addEventListener(name, release);
  // A long touch would open a menu instead.
  button.addEventListener("contextmenu", (event) => event.preventDefault());
}

function byKeyboard(button, begin, release) {
  const isPress = (event) => event.key === " " || event.key === "Enter";
  button.addEventListener("keydown", (event) => {
    if (!isPress(event)) return;
    event.preventDefault();
    if (!event.repeat) begin();
  });
  button.addEventListener("keyup", (event) => {
    if (!isPress(event)) return;
    event.preventDefault();
    release();
  });
  button.addEventListener("blur", release);
}
