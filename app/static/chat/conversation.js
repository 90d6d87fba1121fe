// The conversation: what was said, and the forming answer as a live view in its place.

class Talk {
  constructor(root, trigger) {
    this.root = root;
    this.trigger = trigger;
    this.views = new Map();
    this.nodes = new Map();
    this.turns = make("div", "omni-turns");
    this.root.append(this.turns);
    this.root.classList.add("omni-talk");
    this.atEnd = true;
    this.end = 0; // where toEnd() went: what grew since then was not scrolled away from
    this.root.onscroll = () => {
      const { scrollHeight, scrollTop, clientHeight } = this.root;
      this.atEnd = scrollTop > Math.min(this.end, scrollHeight - clientHeight) - 60;
    };
    new ResizeObserver(() => this.atEnd && this.nodes.size && this.toEnd()).observe(this.turns);
    this.root.tabIndex = 0; // it scrolls: the keyboard must reach it
    this.root.setAttribute("aria-label", "the conversation");
    this.root.setAttribute("role", "log");
    this.root.setAttribute("aria-live", "off"); // each live view speaks for itself
  }

  // value: {turns: [{id, role, parts, words, think, note, run, suggest}], welcome, messages,
  // example: a recorded run}
  update(value) {
    if (!value) return;
    const wanted = new Set(value.turns.map((turn) => turn.id));
    for (const [id, node] of this.nodes) {
      if (wanted.has(id)) continue;
      if (node.contains(document.activeElement)) this.root.focus();
      node.remove();
      this.nodes.delete(id);
      this.views.get(id)?.reset();
      this.views.delete(id);
    }
    const grew = value.turns.some((turn) => !this.nodes.has(turn.id));
    value.turns.forEach((turn, i) => this.place(turn, i === value.turns.length - 1));
    if (grew) this.turns.querySelectorAll(".omni-editor.sent").forEach((editor) => editor.close());
    this.greet(value);
    const forming = this.views.get(value.turns.at(-1)?.id);
    for (const message of value.messages ?? []) forming?.accept(fromJson(message));
    if (grew) this.toEnd();
  }

  place(turn, last) {
    let node = this.nodes.get(turn.id);
    if (!node) {
      node = turn.role === "user" ? this.said(turn) : this.answer(turn);
      this.nodes.set(turn.id, node);
      this.turns.append(node);
    }
    this.annotate(node, turn.note);
    if (turn.role === "assistant") this.settle(node, turn, last);
    else offer(node, this.asked(node, turn));
  }

  said(turn) {
    const bubble = make("div", "omni-bubble");
    for (const part of turn.parts) bubble.append(piece(part));
    if (turn.think) bubble.append(make("p", "omni-thinks", "thinks first"));
    return make("div", "omni-turn user", bubble, make("div", "omni-deeds"));
  }

  // What can be done with a message, with what was answered, and with the last answer.
  asked(node, turn) {
    return [
      ["Copy", "Copy the words of this message", (button) => copyWords(button, turn.words), turn.words],
      ["Edit", "Edit this message; what came after it goes", () => this.edit(node, turn), true],
      ["Delete", "Delete this message and its answer", () => this.trigger("remove", { turn: turn.id }), true],
    ];
  }

  answered(turn, last) {
    return [
      ["Copy", "Copy the words of this answer", (button) => copyWords(button, turn.words), turn.words],
      ["Answer again", "Answer again with the next seed", () => this.trigger("again", {}), last],
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
    const body = make("div", "omni-bubble");
    const view = new LiveView(make("div"), { noise: [14, 2] });
    body.append(view.root);
    if (turn.run) view.follow(turn.run);
    this.views.set(turn.id, view);
    return make("div", "omni-turn assistant", body, make("div", "omni-deeds"), make("div", "omni-chips"));
  }

  // After the end: chips under an answer that asks for them; the parts, if the live channel was lost.
  settle(node, turn, last) {
    const view = this.views.get(turn.id);
    const over = turn.parts.length > 0 || turn.refusal;
    if (over && view && !view.last) {
      view.reset();
      view.stage.replaceChildren(...turn.parts.map(piece));
      if (turn.refusal) view.fail(turn.refusal);
    }
    offer(node, over ? this.answered(turn, last) : []);
    const chips = node.querySelector(".omni-chips");
    const offered = last ? (turn.suggest ?? []) : [];
    chips.replaceChildren(...offered.map((text) => this.chip(text)));
    if (offered.length) this.toEnd();
  }

  chip(text) {
    const node = make("button", "omni-chip", text);
    node.type = "button";
    node.onclick = () => this.trigger("press", { text });
    return node;
  }

  greet(value) {
    this.welcome?.remove();
    this.turns.querySelector(".omni-example")?.remove();
    if (value.turns.length || !value.welcome) return;
    const { title, text, chips } = value.welcome;
    const offered = make("div", "omni-chips", ...chips.map((chip) => this.chip(chip)));
    this.example ??= value.example;
    this.welcome = make("div", "omni-welcome", make("h2", "", title), make("p", "", text), offered);
    this.turns.append(this.welcome, ...this.shown());
  }

  // An answer that was recorded, as it formed.
  shown() {
    if (!this.example) return [];
    const { prompt } = this.example.messages[0].recipe;
    const view = new LiveView(make("div"), { noise: [14, 2] });
    const seen = new IntersectionObserver(([entry]) => {
      if (!entry.isIntersecting) return;
      seen.disconnect();
      view.play(this.example);
    });
    seen.observe(view.root);
    const said = make("div", "omni-bubble", make("p", "omni-words", prompt));
    const answer = make("div", "omni-bubble", view.root);
    const note = make("p", "omni-recorded", "recorded earlier, shown as it formed");
    return [make("div", "omni-example", note, make("div", "omni-turn user", said), make("div", "omni-turn assistant", answer))];
  }

  toEnd() {
    this.root.scrollTop = this.root.scrollHeight;
    this.end = this.root.scrollTop;
    this.atEnd = true;
  }
}

function piece(part) {
  if (part.thought) return folded(part.thought);
  if (part.text != null) return make("p", "omni-words", part.text);
  if (part.sound) return soundPiece(part.sound);
  if (part.film) return filmPiece(part.film);
  return picturePiece(part.image, "a picture");
}

function picturePiece(uri, label) {
  const image = make("img", "omni-picture");
  image.src = uri;
  image.alt = label;
  return image;
}

// A film that plays again and again; where nothing may move, its first frame.
function filmPiece(uri) {
  if (!CALM.matches) return picturePiece(uri, "a film");
  const still = make("canvas", "omni-picture");
  still.setAttribute("role", "img");
  still.setAttribute("aria-label", "a film");
  createImageBitmap(fromDataUri(uri)).then((frame) => {
    [still.width, still.height] = [frame.width, frame.height];
    still.getContext("2d").drawImage(frame, 0, 0);
  });
  return still;
}

// A sound that was said or uploaded.
function soundPiece(uri) {
  const player = make("audio", "omni-player");
  player.controls = true;
  player.src = URL.createObjectURL(fromDataUri(uri));
  return player;
}
