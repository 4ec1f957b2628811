// Comfort only: every page works without this file.
"use strict";
(() => {
  const wrong = document.getElementById("problems") || document.getElementById("conflict");
  if (wrong) wrong.focus();
  for (const button of document.querySelectorAll("button[data-copy]")) {
    const from = document.getElementById(button.dataset.copy);
    if (!from || !navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(from.value || from.textContent);
      const said = button.textContent;
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = said; }, 1500);
    });
  }
})();
