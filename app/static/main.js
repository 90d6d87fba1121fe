// Mounting: what `js_on_load` of each gr.HTML calls, and the light/dark switch.

function mountLive(element, props, trigger, watch) {
  const root = element.querySelector(".omni-mount");
  const view = new LiveView(root, { again: () => trigger("again", {}), links: true });
  root.liveView = view;
  const update = () => {
    const value = props.value ?? {};
    if (value.replay) return view.run || view.play(value.replay);
    if (value.replay_at) return whenSeen(root, () => view.run || fetchRun(view, value.replay_at));
    if (value.run) view.follow(value.run);
    for (const message of value.messages ?? []) view.accept(fromJson(message));
  };
  watch("value", update);
  update();
  if (view.root.dataset.phase === "idle") view.status.textContent = "Press Generate and watch.";
}

// Once, when it is on the screen for the first time.
function whenSeen(root, act) {
  const watcher = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watcher.disconnect();
    act();
  });
  watcher.observe(root);
}

// Without the recorded run the form works as ever.
async function fetchRun(view, address) {
  const answer = await fetch(new URL(address, document.baseURI)).catch(() => null);
  if (!answer?.ok || view.run) return;
  view.play(await answer.json());
}

function mountTalk(element, props, trigger, watch) {
  const talk = new Talk(element.querySelector(".omni-mount"), trigger);
  watch("value", () => talk.update(props.value));
  talk.update(props.value);
}

function mountMicrophone(element, trigger) {
  new Microphone(element.querySelector(".omni-mount"), trigger);
}

function mountPainter(element, trigger) {
  const painter = new Painter(element.querySelector(".omni-mount"), (painted) => trigger("painted", painted));
  painter.source = () => document.querySelector("#image-live .omni-mount")?.liveView;
}

// A text as a file that the visitor keeps.
function saveText(text, name) {
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function mountChips(element, trigger) {
  element.onclick = (event) => {
    const chip = event.target.closest(".omni-chip");
    if (chip) trigger("press", { text: chip.textContent });
  };
}

function mountHeader(element) {
  element.querySelector(".omni-theme").onclick = () => document.body.classList.toggle("dark");
}

function mountLab(element, props, trigger, watch, server) {
  const lab = new LabView(element.querySelector(".omni-mount"), server, (place) => trigger("branch", place));
  const update = () => {
    const value = props.value ?? {};
    if (value.lab) lab.open(value.lab);
    else if (value.runs) lab.follow(value.runs);
  };
  watch("value", update);
  update();
  takeDrops(element);
}

// A file that is dropped on the Lab is opened as if it had been chosen.
function takeDrops(element) {
  element.addEventListener("dragover", (event) => event.preventDefault());
  element.addEventListener("drop", (event) => {
    const input = document.querySelector("#lab-upload")?.parentElement.querySelector("input[type=file]");
    if (!input || !event.dataTransfer.files.length) return;
    event.preventDefault();
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

function mountGallery(element, props, trigger, watch) {
  const gallery = new GalleryView(element.querySelector(".omni-mount"), props.value, trigger);
  watch("value", () => gallery.greet(props.value));
}

// A recorded run on a page of its own.
function replayLab(root, run) {
  new LabView(root, null, null).open([run]);
}

window.NextOmni = { mountLive, mountTalk, mountLab, replayLab, mountMicrophone, mountPainter, saveText, mountChips, mountHeader, mountGallery };
