// The actions of one message: buttons that appear on hover and focus, and editing in its place.

import { button, make } from "../dom.js";

// actions: [[label, accessible name, act(button), whether it is possible]]; the buttons are left
// alone where nothing changed, so that the keyboard does not lose them.
export function setActions(node, actions) {
  const row = node.querySelector(".omni-deeds");
  const possible = actions.filter(([, , , can]) => can);
  const labels = possible.map(([label, , , can]) => `${label} ${can}`).join();
  if (row.dataset.labels === labels) return;
  row.dataset.labels = labels;
  row.replaceChildren(...possible.map(([label, name, act]) => action(label, name, act)));
}

function action(label, name, act) {
  const node = button(label, () => act(node), { name, className: "omni-deed" });
  node.title = name;
  return node;
}

// The message becomes a field in its place; send is called with its words, which leaves it open
// until the conversation goes on.
export function openEditor(node, text, send) {
  if (node.querySelector(".omni-editor")) return;
  const editor = make("form", "omni-editor");
  const field = make("textarea", "");
  const cancel = button("Cancel", () => editor.close());
  Object.assign(field, { value: text, rows: 2 });
  field.setAttribute("aria-label", "your message, edited");
  const submit = make("button", "omni-button omni-go", "Send");
  editor.append(field, make("div", "omni-editor-buttons", submit, cancel));
  editor.close = () => {
    editor.remove();
    node.classList.remove("editing");
    node.querySelector(".omni-deed[title^=Edit]")?.focus();
  };
  editor.onsubmit = (event) => {
    event.preventDefault();
    editor.classList.add("sent");
    send(field.value);
  };
  field.onkeydown = (event) => {
    if (event.key === "Escape") editor.close();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    editor.requestSubmit();
  };
  node.classList.add("editing");
  node.querySelector(".omni-bubble").after(editor);
  field.focus();
  field.setSelectionRange(text.length, text.length);
}
