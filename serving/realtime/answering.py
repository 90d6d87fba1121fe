"""One answer of the model, as the events of a response.

Words come at once, when they are final; what is spoken comes block by block, each with the words
that it says. Pictures and films come at the end, as content parts `output_image` and
`output_video`, an extension. Owns: `Response`. Does not own: the run
(`serving.run_stream`), when one begins and is cancelled (`serving.realtime.session`).
"""

import asyncio
from collections.abc import Callable
from typing import Any, Literal

from engine.api.conversation import Conversation as Turns
from engine.api.conversation import Part
from engine.api.events import Answer, AudioChunk, Completed, Event, Refined, SegmentStarted
from engine.api.request import Modality, Request
from engine.media.marking.marker import Marker
from serving.answers.answer_files import TYPES, file_of, to_address
from serving.answers.sound_stream import SoundStream
from serving.errors import as_api_error
from serving.realtime.conversation import Content, Conversation, new_id
from serving.realtime.event_log import EventLog
from serving.realtime.output_item import OutputItem
from serving.realtime.settings import ResponseForm, SessionSettings
from serving.run_log import LOGGER
from serving.run_stream import RunStream

Begin = Callable[[Request], RunStream]
Status = Literal["in_progress", "completed", "cancelled", "failed"]


def is_told(event: Event) -> bool:
    """Return whether a response needs an event: final pieces, and the last step of words."""
    if isinstance(event, Refined):
        return event.last and event.modality is Modality.TEXT
    return isinstance(event, SegmentStarted | AudioChunk | Completed)


class Response:
    """The answer to the conversation as it is now. begin: begins a run. over: called once.
    marker: of what is heard and seen.

    Raises: ValueError, ApiError, QueueFullError where it cannot begin.
    """

    def __init__(
        self,
        form: ResponseForm,
        settings: SessionSettings,
        conversation: Conversation,
        log: EventLog,
        begin: Begin,
        over: Callable[[], None],
        marker: Marker,
    ) -> None:
        self.id = new_id("resp")
        self._log, self._conversation, self._begin, self._over = log, conversation, begin, over
        self._settings = settings.of_response(form)
        self._metadata = form.metadata
        self._status: Status = "in_progress"
        self._details: dict[str, Any] | None = None
        self._sampling = self._settings.form.sampling()
        self._marker = marker
        self._item = OutputItem(self.id, conversation, log, self._new_sound)
        self._listened = conversation.unheard()
        self._heard: list[str] = []
        self._num_heard = 0
        self._stream = begin(self._request())
        log.add("response.created", response=self._fields())
        self._task = asyncio.create_task(self._run())

    def cancel(self, reason: Literal["turn_detected", "client_cancelled"]) -> None:
        """End the answer: its run takes no further step, and what was said of it remains."""
        self._stop()
        self._finish("cancelled", {"type": "cancelled", "reason": reason})

    def discard(self) -> None:
        """End the answer where nobody is there to be told."""
        self._stop()

    def _stop(self) -> None:
        self._stream.cancel()
        self._task.cancel()

    @property
    def _speaks(self) -> bool:
        return self._settings.form.output_modalities == ["audio"]

    def _request(self) -> Request:
        turns = Turns(self._conversation.turns())
        style = self._settings.style()
        return Request(turns, sampling=self._sampling, aloud=self._speaks, style=style)

    def _new_sound(self) -> SoundStream:
        return SoundStream("pcm", self._marker, {"seed": self._sampling.seed})

    async def _run(self) -> None:
        try:
            done = await self._follow()
            if done.answers and all(answer.heard for answer in done.answers):
                # a long recording was written down in pieces: its words are the question
                self._stream = self._begin(self._request())
                done = await self._follow()
            for answer in done.answers:
                await self._show(answer, done)
            self._finish("completed", None)
        except Exception as error:  # whatever it is, the response says it
            failure = as_api_error(error)
            if failure.status_code == 500:
                LOGGER.error("crash", exc_info=error)
            self._finish("failed", {"type": "failed", "error": failure.body})

    async def _follow(self) -> Completed:
        """Tell what a run makes, until it is complete. Raises: ApiError where it is not."""
        done: Completed | None = None
        async for event in self._stream:
            match event:
                case SegmentStarted():
                    self._num_heard = event.heard
                case Refined() if self._num_heard:
                    self._hear("".join(event.words_1 or ()).strip())
                case Refined():
                    self._item.write("".join(event.words_1 or ()), aloud=self._speaks)
                case AudioChunk():
                    self._item.say(event)
                case Completed():
                    done = event
        assert done is not None, "a run that does not raise is complete"
        return done

    def _hear(self, words: str) -> None:
        """Tell what the user said, piece by piece where it is long."""
        if self._listened is None:
            return
        item, number = self._listened
        place = {"item_id": item.id, "content_index": number}
        kind = "conversation.item.input_audio_transcription"
        before = " ".join(self._heard)
        self._heard += [words] if words else []
        whole = " ".join(self._heard)
        self._num_heard -= 1
        if self._settings.transcribes and len(whole) > len(before):
            self._log.add(f"{kind}.delta", **place, delta=whole[len(before) :])
        if len(self._heard) and not self._num_heard:
            item.content[number].text = whole
        if self._settings.transcribes and not self._num_heard:
            length = {"type": "duration", "seconds": item.content[number].duration_s}
            self._log.add(f"{kind}.completed", **place, transcript=whole, usage=length)

    async def _show(self, answer: Answer, done: Completed) -> None:
        """Tell a picture or film."""
        if answer.image is not None:
            kind, ending, part = "output_image", "png", Part(image=answer.image)
        elif answer.video is not None:
            kind, ending, part = "output_video", "mp4", Part(video=answer.video)
        else:
            return
        file = await asyncio.to_thread(file_of, answer, ending, done, self._marker)
        self._item.show(Content(kind, part=part, address=to_address(file, TYPES[ending])))

    def _finish(self, status: Status, details: dict[str, Any] | None) -> None:
        self._item.finish(whole=status == "completed")
        self._status, self._details = status, details
        self._over()
        self._log.add("response.done", response=self._fields())

    def _fields(self) -> dict[str, Any]:
        form = self._settings.form
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": self._status,
            "status_details": self._details,
            "output": self._item.fields(),
            "conversation_id": self._conversation.id,
            "output_modalities": form.output_modalities,
            "audio": {"output": form.audio.output.model_dump()},
            "max_output_tokens": "inf",
            "metadata": self._metadata,
            "usage": None,
            "seed": self._sampling.seed,
        }
