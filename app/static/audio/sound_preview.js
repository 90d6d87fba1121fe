// Plays a sound of the gallery: one at a time, a second press ends it.

const audio = new Audio();
let playing = null; // the button of what sounds

// failed: called where it cannot be played
export function togglePreview(source, button, failed) {
  const last = playing;
  audio.pause();
  last?.classList.remove("playing");
  playing = last === button ? null : button;
  if (last === button) return;
  const end = () => button.classList.remove("playing");
  audio.src = source;
  audio.onended = () => {
    end();
    playing = null;
  };
  audio.ontimeupdate = () => {
    const share = audio.duration ? audio.currentTime / audio.duration : 0;
    button.style.setProperty("--share", share);
  };
  button.classList.add("playing");
  audio.play().catch((error) => {
    if (error.name === "AbortError") return;
    end();
    failed();
  });
}

// Silence what was started inside an element that is closed.
export function stopPreviewIn(element) {
  if (playing && element.contains(playing)) audio.pause();
}
