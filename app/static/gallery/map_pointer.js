// Fingers and the mouse on the map: drag, pinch, wheel and press.

const PRESS_PX = 6; // a pointer that moved less has pressed
const WHEEL_PX = 320; // of a zoom by e

// act: {zoom(x, y, factor), pan(dx, dy), hover(x, y), press(x, y), leave()}
export function listenToPointers(canvas, act) {
  const pointers = new Map();
  let moved = 0;
  const place = (event) => [event.offsetX, event.offsetY];
  const wheel = (event) => {
    event.preventDefault();
    act.zoom(...place(event), Math.exp(-event.deltaY / WHEEL_PX));
  };
  canvas.addEventListener("wheel", wheel, { passive: false });
  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    if (pointers.size === 1) moved = 0;
  };
  canvas.onpointermove = (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) return act.hover(...place(event));
    const now = place(event);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) pinch(act, last, now, other);
    else act.pan(now[0] - last[0], now[1] - last[1]);
    moved += distance(now, last);
    pointers.set(event.pointerId, now);
  };
  canvas.onpointerup = (event) => {
    pointers.delete(event.pointerId);
    if (moved < PRESS_PX) act.press(...place(event));
  };
  canvas.onpointercancel = (event) => pointers.delete(event.pointerId);
  canvas.onpointerleave = () => act.leave();
}

function pinch(act, last, now, other) {
  const apart = (point) => distance(point, other) || 1;
  const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
  act.zoom(...middle, apart(now) / apart(last));
}

function distance([x, y], [u, v]) {
  return Math.hypot(x - u, y - v);
}
