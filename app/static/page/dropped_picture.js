// A picture that is dropped where nothing waits for one: it is asked what to do with it.

import { checkpointDigest } from "../checkpoint.js";
import { button, make } from "../dom.js";
import { askForChange, canChangePictures } from "../image/change_picture.js";
import { recipeOf } from "../image/png_notes.js";
import { linkTo } from "../live/recipe.js";

export function followDroppedPictures() {
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", async (event) => {
    const [file] = event.dataTransfer?.files ?? [];
    const isTaken = event.defaultPrevented; // by what waits for files itself
    event.preventDefault();
    if (isTaken || !file?.type.startsWith("image/") || !canChangePictures()) return;
    ask(file, recipeOf(await file.arrayBuffer()));
  });
}

function ask(file, recipe) {
  const dialog = make("dialog", "omni-dropped");
  const close = (act) => () => {
    dialog.close();
    dialog.remove();
    act?.();
  };
  const again = () => location.assign(linkTo(recipe, "image", checkpointDigest()));
  const isRunnable = recipe && !recipe.given?.length;
  const said = recipe ? `“${recipe.prompt}”, seed ${recipe.seed}` : "A picture of yours.";
  const buttons = [
    button(
      "Change it",
      close(() => askForChange(file)),
    ),
    button("Cancel", close()),
  ];
  if (isRunnable)
    buttons.unshift(button("Make it again", close(again), { className: "omni-button omni-go" }));
  dialog.setAttribute("aria-label", "a picture was dropped");
  dialog.append(make("p", "", said), make("div", "omni-actions", ...buttons));
  document.querySelector(".gradio-container").append(dialog);
  dialog.oncancel = close();
  dialog.showModal();
}
