// What can be done with one message: buttons that appear on hover and focus, and editing in its place.

// deeds: [[label, accessible name, press(button), whether it is possible]]; they are left alone where
// nothing changed, so that the keyboard does not lose them.
function offer(node, deeds) {
  const row = node.querySelector(".omni-deeds");
  const possible = deeds.filter(([, , , can]) => can);
  const labels = possible.map(([label, , , can]) => `${label} ${can}`).join();
  if (row.dataset.labels === labels) return;
  row.dataset.labels = labels;
  row.replaceChildren(...possible.map(([label, name, press]) => deed(label, name, press)));
}

function deed(label, name, press) {
  const button = make("button", "omni-deed", label);
  button.type = "button";
  button.title = name;
  button.setAttribute("aria-label", name);
  button.onclick = () => press(button);
  return button;
}

async function copyWords(button, words) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(words);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = label), 1800);
  } catch {
    prompt("Copy this:", words);
  }
}

// The message becomes a field in its place; send(words) when it is sent, which leaves it open until
// the conversation goes on.
function openEditor(node, text, send) {
  if (node.querySelector(".omni-editor")) return;
  const editor = make("form", "omni-editor");
  const field = make("textarea", "");
  const sends = make("button", "omni-button omni-go", "Send");
  const leaves = make("button", "omni-button", "Cancel");
  Object.assign(field, { value: text, rows: 2 });
  field.setAttribute("aria-label", "your message, edited");
  leaves.type = "button";
  editor.append(field, make("div", "omni-editor-buttons", sends, leaves));
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
  leaves.onclick = () => editor.close();
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
