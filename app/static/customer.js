"use strict";
/* A slider beside each number of "what if". Without this script the numbers are fields like any other. */
(() => {
  const made = [];
  for (const place of document.querySelectorAll(".what-if .slide")) {
    const number = place.querySelector("input[type=number]");
    const slider = document.createElement("input");
    slider.type = "range";
    slider.min = place.dataset.low;
    slider.max = place.dataset.high;
    slider.step = place.dataset.step;
    slider.className = "slider";
    const label = document.querySelector(`label[for="${number.id}"]`);
    slider.setAttribute("aria-label", label ? label.textContent : number.name);
    const follow = () => { slider.value = number.value === "" ? slider.min : number.value; };
    // The number comes back to the customer's own, exact value where the slider stands as close to it as it can.
    slider.addEventListener("input", () => {
      const now = number.dataset.now;
      const isNow = now !== "" && Math.abs(Number(slider.value) - Number(now)) < Number(slider.step) / 2;
      number.value = isNow ? now : slider.value;
    });
    number.addEventListener("input", follow);
    place.prepend(slider);
    follow();
    made.push({ number, follow });
  }
  const form = document.querySelector("form.what-if");
  if (!form) { return; }
  const reset = form.querySelector("[data-reset]");
  reset.addEventListener("click", (event) => {
    event.preventDefault();
    for (const { number, follow } of made) { number.value = number.dataset.now; follow(); }
    for (const choice of form.querySelectorAll("select")) { choice.value = choice.dataset.now; }
    form.requestSubmit();
  });
})();
