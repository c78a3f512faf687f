/* The page itself: light or dark, charts at once, and everything in light colours on paper. */
"use strict";

(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const button = document.querySelector(".scheme");

  function shown() {
    return root.dataset.theme || (dark.matches ? "dark" : "light");
  }

  function label() {
    if (button) button.textContent = shown() === "dark" ? "Light" : "Dark";
  }

  function changed() {
    label();
    loadtestsCharts.redraw();
  }

  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = shown() === "dark" ? "light" : "dark";
      changed();
    });
  }
  dark.addEventListener("change", changed);

  label();
  loadtestsCharts.startAll();

  addEventListener("beforeprint", () => {
    loadtestsCharts.fitAll();
    loadtestsCharts.redraw();
  });
  addEventListener("afterprint", () => {
    loadtestsCharts.fitAll();
    loadtestsCharts.redraw();
  });
})();
