// The tab that an address asks for.

import assert from "node:assert/strict";
import test from "node:test";
import { tabOfAddress } from "../../app/static/page/tabs.js";

test("the tab that was open last comes before the one of the link", () => {
  assert.equal(tabOfAddress("http://demo.example/?tab=lab&seed=7#tab=chat"), "chat");
  assert.equal(tabOfAddress("http://demo.example/?tab=lab&seed=7"), "lab");
  assert.equal(tabOfAddress("http://demo.example/#elsewhere"), null);
});
