// The theme button of the manual's pages. Everything else there works without a script.

import { startLook } from "./look.js";

const button = document.querySelector("[data-theme-button]");
button.hidden = false;
startLook(button);
