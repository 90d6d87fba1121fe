import assert from "node:assert/strict";
import { test } from "node:test";
import { linkedTab } from "../../app/static/page/linked_run.js";

const AT = "http://127.0.0.1:7860/";

test("a link with a prompt shares the run of its tab", () => {
  assert.equal(linkedTab(`${AT}?tab=video&prompt=a+ball`, ["image", "video"]), "video");
  assert.equal(linkedTab(`${AT}?prompt=a+ball`, ["image", "video"]), "image");
  assert.equal(linkedTab(`${AT}?tab=lab&prompt=a+ball`, ["lab"]), "lab");
});

test("other addresses share none", () => {
  assert.equal(linkedTab(AT, ["image"]), null);
  assert.equal(linkedTab(`${AT}?tab=image&prompt=+`, ["image"]), null);
  assert.equal(linkedTab(`${AT}?tab=lab&prompt=a+ball`, ["image", "video"]), null);
});
