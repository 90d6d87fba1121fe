// Leaving the page while it makes something is asked about first.

const MAKING = ".omni-live[data-phase='waiting'], .omni-live[data-phase='running']";

export function warnBeforeLeaving() {
  addEventListener("beforeunload", (event) => {
    const runs = [...document.querySelectorAll(MAKING)];
    if (runs.some((view) => view.dataset.run)) event.preventDefault();
  });
}
