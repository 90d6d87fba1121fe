// The page's entry: mounts a view where a gr.HTML component says so. `window.NextOmni` is the promise
// of this module; see app/scripts.py.

import { routeUrl } from "./address.js";
import { Microphone } from "./audio/microphone.js";
import { Conversation } from "./chat/conversation.js";
import { ConversationKeeper, keepTurns, keptConversation } from "./chat/conversation_keeper.js";
import { checkpointDigest } from "./checkpoint.js";
import { download, whenVisible } from "./dom.js";
import { visitor } from "./gallery/api.js";
import { GalleryView } from "./gallery/gallery_view.js";
import { followChanges } from "./image/change_picture.js";
import { MaskEditor } from "./image/mask_editor.js";
import { LabView } from "./lab/lab_view.js";
import { LiveView } from "./live/live_view.js";
import { messageFromJson } from "./live/message.js";
import { RaceView } from "./live/race/race_view.js";
import { followDroppedPictures } from "./page/dropped_picture.js";
import { placeOf, takeInterrupted } from "./page/interrupted.js";
import { keepForm, keptForm } from "./page/kept_form.js";
import { warnBeforeLeaving } from "./page/leaving.js";
import { followLine } from "./page/line.js";
import { linkedTab, pressWhenFilled } from "./page/linked_run.js";
import { watchNotices } from "./page/notices.js";
import { followTabs } from "./page/tabs.js";
import { followTheme } from "./page/theme.js";
import { PaletteView } from "./palette/palette_view.js";

const liveViews = new WeakMap(); // by their mount points
let painter = null; // the mask editor, once it is there

function mountPoint(element) {
  return element.querySelector(".omni-mount");
}

// Call update now and whenever the component's value changes.
function observe(watch, update) {
  watch("value", update);
  update();
}

export function mountLive(element, props, trigger, watch) {
  const root = mountPoint(element);
  const view = new LiveView(root, { again: () => trigger("again", {}), links: true });
  const race = new RaceView(root);
  liveViews.set(root, view);
  const interrupted = takeInterrupted(placeOf(root));
  observe(watch, () => {
    const value = props.value ?? {};
    if (interrupted && (value.replay || value.replay_at)) return;
    if (value.replay) return whenVisible(root, () => view.run || view.play(value.replay));
    if (value.replay_at) return whenVisible(root, () => playFrom(value.replay_at, view));
    if (value.race) return race.follow(value.race);
    race.close();
    if (value.run) view.follow(value.run);
    for (const message of value.messages ?? []) view.accept(messageFromJson(message));
  });
  if (root.dataset.phase === "idle")
    view.status.textContent = interrupted ?? "Press Generate and watch.";
}

// name: of the tab whose prompt is written
export function mountPalette(element, props, name) {
  const input = document.querySelector(`#${name}-prompt textarea`);
  const field = {
    get text() {
      return input.value;
    },
    write(text) {
      input.value = text;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    },
    changed: (tell) => input.addEventListener("input", tell),
  };
  if (input) new PaletteView(mountPoint(element), props.value, field);
}

// A recorded run; without it the form works as ever.
async function playFrom(address, view) {
  if (view.run) return;
  const answer = await fetch(routeUrl(address)).catch(() => null);
  if (!answer?.ok || view.run) return;
  view.play(await answer.json());
}

// name: of the tab
export function mountConversation(element, props, trigger, watch, name) {
  const conversation = new Conversation(mountPoint(element), trigger);
  const keeper = new ConversationKeeper(name, (known) => trigger("keep", { known }));
  observe(watch, () => {
    conversation.update(props.value);
    if (props.value) keeper.follow(props.value);
  });
}

// news: JSON, see the conversation's keeper
export function keepConversation(news, name) {
  return news && keepTurns(name, JSON.parse(news));
}

export function toldConversation(name) {
  return keptConversation(name);
}

export function mountMicrophone(element, trigger) {
  new Microphone(mountPoint(element), trigger);
}

export function mountMaskEditor(element, trigger) {
  const report = (edit) => trigger("painted", edit);
  const current = () => {
    const root = document.querySelector("#image-live .omni-mount");
    return root && liveViews.get(root)?.mediaOf("image/png");
  };
  painter = new MaskEditor(mountPoint(element), report, current);
}

export function mountLab(element, props, trigger, watch, server) {
  const lab = new LabView(mountPoint(element), server, (place) => trigger("branch", place));
  observe(watch, () => {
    const value = props.value ?? {};
    if (value.lab) lab.open(value.lab);
    else if (value.runs) lab.follow(value.runs);
  });
  openDroppedFiles(element);
}

// A file that is dropped on the Lab is opened as if it had been chosen.
function openDroppedFiles(element) {
  element.addEventListener("dragover", (event) => event.preventDefault());
  element.addEventListener("drop", (event) => {
    const upload = document.querySelector("#lab-upload")?.parentElement;
    const input = upload?.querySelector("input[type=file]");
    if (!input || !event.dataTransfer.files.length) return;
    event.preventDefault();
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

export function mountGallery(element, props, trigger, watch) {
  const gallery = new GalleryView(mountPoint(element), props.value, trigger);
  watch("value", () => gallery.setVisitor(props.value));
}

// name: of this visitor, told once.
export function greet(name) {
  if (name) visitor.name = name;
}

export function mountChips(element, trigger) {
  element.onclick = (event) => {
    const chip = event.target.closest(".omni-chip");
    if (chip) trigger("press", { text: chip.textContent });
  };
}

export function mountHeader(element) {
  followTheme(element.querySelector(".omni-theme"));
  warnBeforeLeaving();
}

// tabs: those whose forms are filled now.
export function runLinked(tabs) {
  const tab = linkedTab(location.href, tabs);
  if (tab) pressWhenFilled(tab, new URL(location.href).searchParams.get("prompt"));
}

export function keepFormOf(name, values) {
  keepForm(name, values, checkpointDigest());
}

export function formOf(name, values) {
  return keptForm(name, values, checkpointDigest(), location.href);
}

export function mountTabs() {
  followTabs();
  watchNotices();
  followLine();
  followChanges(() => painter);
  followDroppedPictures();
}

// A text as a file that the visitor keeps.
export function saveText(text, name) {
  download(new Blob([text], { type: "application/json" }), name);
}
