// The conversation: what was said, and the forming answer as a live view in its place.

import { button, copyText, make, whenVisible } from "../dom.js";
import { LiveView } from "../live/live_view.js";
import { messageFromJson } from "../live/message.js";
import { openEditor, setActions } from "./message_actions.js";
import { messagePart } from "./message_parts.js";

const NOISE = [14, 2]; // patches of what stands in an answer before it begins
const NEAR_END_PX = 60;

export class Conversation {
  // trigger: called with "press", "rewrite", "remove" or "again", and what the server needs for it
  constructor(root, trigger) {
    Object.assign(this, { root, trigger, views: new Map(), nodes: new Map() });
    this.turns = make("div", "omni-turns");
    this.root.append(this.turns);
    this.root.classList.add("omni-talk");
    this.isAtEnd = true;
    this.end = 0; // where toEnd() went: what grew since then was not scrolled away from
    this.root.onscroll = () => {
      const { scrollHeight, scrollTop, clientHeight } = this.root;
      this.isAtEnd = scrollTop > Math.min(this.end, scrollHeight - clientHeight) - NEAR_END_PX;
    };
    const follow = () => this.isAtEnd && this.nodes.size && this.toEnd();
    new ResizeObserver(follow).observe(this.turns);
    this.root.tabIndex = 0; // it scrolls: the keyboard must reach it
    this.root.setAttribute("aria-label", "the conversation");
    this.root.setAttribute("role", "log");
    this.root.setAttribute("aria-live", "off"); // each live view speaks for itself
  }

  // value: {turns: [{id, role, parts, words, think, note, run, suggest}], welcome, messages,
  // example: a recorded run, free: whether the last run is over}
  update(value) {
    if (!value) return;
    this.markAnswering(value);
    this.removeAllBut(new Set(value.turns.map((turn) => turn.id)));
    const grew = value.turns.some((turn) => !this.nodes.has(turn.id));
    value.turns.forEach((turn, i) => this.place(turn, i === value.turns.length - 1));
    if (grew) {
      for (const editor of this.turns.querySelectorAll(".omni-editor.sent")) editor.close();
    }
    this.welcomeVisitor(value);
    const forming = this.views.get(value.turns.at(-1)?.id);
    for (const message of value.messages ?? []) forming?.accept(messageFromJson(message));
    if (grew) this.toEnd();
  }

  // `data-answering` stands from the opening of a run until its answer is part of the history.
  markAnswering({ turns, free }) {
    const last = turns.at(-1);
    if (free || !last) delete this.root.dataset.answering;
    else if (last.run && !last.parts.length && !last.refusal)
      this.root.dataset.answering = last.run;
  }

  removeAllBut(ids) {
    for (const [id, node] of this.nodes) {
      if (ids.has(id)) continue;
      if (node.contains(document.activeElement)) this.root.focus();
      node.remove();
      this.nodes.delete(id);
      this.views.get(id)?.reset();
      this.views.delete(id);
    }
  }

  place(turn, isLast) {
    let node = this.nodes.get(turn.id);
    if (!node) {
      node = turn.role === "user" ? this.question(turn) : this.answer(turn);
      this.nodes.set(turn.id, node);
      this.turns.append(node);
    }
    this.annotate(node, turn.note);
    if (turn.role === "assistant") this.settle(node, turn, isLast);
    else setActions(node, this.questionActions(node, turn));
  }

  question(turn) {
    const bubble = make("div", "omni-bubble", ...turn.parts.map(messagePart));
    if (turn.think) bubble.append(make("p", "omni-thinks", "thinks first"));
    return make("div", "omni-turn user", bubble, make("div", "omni-deeds"));
  }

  questionActions(node, turn) {
    const remove = () => this.trigger("remove", { turn: turn.id });
    const edit = () => this.edit(node, turn);
    return [
      copyAction("Copy the words of this message", turn),
      ["Edit", "Edit this message; what came after it goes", edit, true],
      ["Delete", "Delete this message and its answer", remove, true],
    ];
  }

  answerActions(turn, isLast) {
    const again = () => this.trigger("again", {});
    return [
      copyAction("Copy the words of this answer", turn),
      ["Answer again", "Answer again with the next seed", again, isLast],
    ];
  }

  edit(node, turn) {
    const text = `${turn.think ? "\\think " : ""}${turn.words}`;
    openEditor(node, text, (words) => this.trigger("rewrite", { turn: turn.id, text: words }));
  }

  // A note above a turn: what is above it the model no longer sees.
  annotate(node, note) {
    const there = node.querySelector(".omni-sight");
    if (there?.textContent === (note ?? "")) return;
    there?.remove();
    if (!note) return;
    node.prepend(make("p", "omni-sight", note));
    node.firstChild.setAttribute("role", "note");
  }

  answer(turn) {
    const view = new LiveView(make("div"), { noise: NOISE });
    const bubble = make("div", "omni-bubble", view.root);
    if (turn.run) view.follow(turn.run);
    this.views.set(turn.id, view);
    const [actions, chips] = [make("div", "omni-deeds"), make("div", "omni-chips")];
    return make("div", "omni-turn assistant", bubble, actions, chips);
  }

  // After the end: chips under an answer that asks for them; the parts, if the channel was lost.
  settle(node, turn, isLast) {
    const view = this.views.get(turn.id);
    const isOver = turn.parts.length > 0 || turn.refusal;
    if (isOver && view && !view.last && !view.isEnding) {
      view.reset();
      view.stage.replaceChildren(...turn.parts.map(messagePart));
      if (turn.refusal) view.fail(turn.refusal);
    }
    setActions(node, isOver ? this.answerActions(turn, isLast) : []);
    const chips = node.querySelector(".omni-chips");
    const suggested = isLast ? (turn.suggest ?? []) : [];
    chips.replaceChildren(...suggested.map((text) => this.chip(text)));
    if (suggested.length) this.toEnd();
  }

  chip(text) {
    return button(text, () => this.trigger("press", { text }), { className: "omni-chip" });
  }

  // What stands there before the first message.
  welcomeVisitor(value) {
    this.welcome?.remove();
    this.turns.querySelector(".omni-example")?.remove();
    if (value.turns.length || !value.welcome) return;
    const { title, text, chips } = value.welcome;
    const suggested = make("div", "omni-chips", ...chips.map((chip) => this.chip(chip)));
    this.example ??= value.example;
    const heading = make("h2", "", title);
    this.welcome = make("div", "omni-welcome", heading, make("p", "", text), suggested);
    this.turns.append(this.welcome, ...this.recordedExample());
  }

  // An answer that was recorded, as it formed.
  recordedExample() {
    if (!this.example) return [];
    const { prompt } = this.example.messages[0].recipe;
    const view = new LiveView(make("div"), { noise: NOISE });
    whenVisible(view.root, () => view.play(this.example));
    const question = make("div", "omni-bubble", make("p", "omni-words", prompt));
    const note = make("p", "omni-recorded", "recorded earlier, shown as it formed");
    const answer = make("div", "omni-turn assistant", make("div", "omni-bubble", view.root));
    return [make("div", "omni-example", note, make("div", "omni-turn user", question), answer)];
  }

  toEnd() {
    this.root.scrollTop = this.root.scrollHeight;
    this.end = this.root.scrollTop;
    this.isAtEnd = true;
  }
}

function copyAction(name, { words }) {
  return ["Copy", name, (node) => copyText(node, words), words];
}
