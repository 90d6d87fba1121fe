// What a visitor takes away from the Lab: a picture, a file of the run, a link.

import { download, make } from "../dom.js";
import { blobFromDataUri } from "../live/message.js";
import { fileName, linkTo } from "../live/recipe.js";

const BUSY = "The file could not be made just now: try again in a moment.";

export class Exporter {
  // lab: the view whose run it is; server: its functions, or null for a replay from the disk
  constructor(lab, server) {
    Object.assign(this, { lab, server });
  }

  // The picture of the step that is shown, or its frames.
  async savePicture() {
    const { run, segment, index, step, which } = this.lab;
    if (this.server) {
      return this.deliver(await this.ask({ kind: "still", segment: index, step, which }));
    }
    const image = await segment.images[which][step];
    const canvas = make("canvas");
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.getContext("2d").drawImage(image, 0, 0);
    const name = fileName(run.recipe).replace(".png", `-step-${step + 1}.png`);
    download(blobFromDataUri(canvas.toDataURL("image/png")), name);
  }

  // The run as a file of that kind.
  async saveAs(kind) {
    this.lab.say("Making the file …");
    const made = await this.ask({ kind });
    this.lab.say("");
    this.deliver(made);
  }

  // A server that is asked for too much at once refuses.
  ask(request) {
    const order = { run: this.lab.run.id, ...request };
    return this.server.exported(order).catch(() => ({ sentence: BUSY }));
  }

  // made: {name, uri}, or {sentence} why there is none
  deliver({ uri, name, sentence }) {
    if (sentence) this.lab.say(sentence);
    if (uri) download(blobFromDataUri(uri), name);
  }

  async copyLink(node) {
    const { recipe, checkpoint } = this.lab.run;
    const link = linkTo(recipe, "lab", checkpoint.digest);
    node.dataset.link = link;
    try {
      await navigator.clipboard.writeText(link);
      this.lab.say("The link is copied: it fills this form again.");
    } catch {
      this.lab.say(link);
    }
  }
}
