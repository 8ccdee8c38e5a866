// Comfort only: every page works without this file.
"use strict";
// Leave quickly: by the link without an entry in the history, and by pressing Escape three times.
let presses = [];
const leave = () => location.replace("/leave");
document.getElementById("leave")?.addEventListener("click", (event) => { event.preventDefault(); leave(); });
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") { presses = []; return; }
  presses = [...presses.filter((at) => event.timeStamp - at < 1500), event.timeStamp];
  if (presses.length >= 3) leave();
});
// A second click on the same button within a second is one click.
for (const form of document.forms) {
  let last = -Infinity;
  form.addEventListener("submit", (event) => {
    if (event.timeStamp - last < 1000) event.preventDefault(); else last = event.timeStamp;
  });
}
// The heading of what is wrong is read first.
document.querySelector(".errors")?.focus();
