// What was made and is shown this once: a token or a link with one, with a button that copies it. It is forgotten
// when somebody says that he has it, or leaves the screen.

import { announce, parts, setText, show } from "./dom.js";

const SAID_FOR_MS = 3000;

export class MadeSecret {
  // `root` has the parts madeFor, secret, copy and forget; `copyWords` stand on the button.
  constructor({ root, copyWords }) {
    Object.assign(this, { root, here: parts(root), copyWords });
    this.here.copy.addEventListener("click", () => this.copy());
    this.here.forget.addEventListener("click", () => this.hide());
    this.hide();
  }

  show(secret, words) {
    setText(this.here.secret, secret);
    setText(this.here.madeFor, words);
    setText(this.here.copy, this.copyWords);
    show(this.root, true);
    this.here.copy.focus();
  }

  hide() {
    setText(this.here.secret, "");
    show(this.root, false);
  }

  // The clipboard is closed to pages that come over plain HTTP from another machine.
  async copy() {
    const { copy, secret } = this.here;
    try {
      await navigator.clipboard.writeText(secret.textContent);
      setText(copy, "Copied");
    } catch {
      getSelection().selectAllChildren(secret);
      setText(copy, "Marked: copy it with the keyboard");
    }
    announce(copy.textContent);
    setTimeout(() => setText(copy, this.copyWords), SAID_FOR_MS);
  }
}
