// A segment of a run: which view shows it, and where its steps stand among those of the run.

import { partSentence } from "../sentences.js";
import { continuesSound } from "../steps.js";
import { AudioSegment } from "./audio_segment.js";
import { ImageSegment } from "./image_segment.js";
import { TextSegment } from "./text_segment.js";
import { VideoSegment } from "./video_segment.js";

const VIEWS = { text: TextSegment, image: ImageSegment, audio: AudioSegment, video: VideoSegment };

// header: of the message that starts it; before: the segment before it; offset: its first step.
export function createSegment(header, before, offset) {
  const { modality, heard, segment, elapsed_s: began } = header;
  const continues = continuesSound(modality, before);
  return {
    modality,
    heard, // it writes down a recording that was given
    told: partSentence(segment + 1, heard),
    continues, // it is the next block of the sound before it, in the same view
    view: continues ? before.view : new VIEWS[modality](segment, began),
    steps: header.num_steps,
    offset,
    answer: before ? before.answer + !continues : 0,
    from: header.number,
    frames: [],
  };
}
