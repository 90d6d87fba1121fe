"""One session: what each event of the client does.

It lives on the event loop and outlives the socket of its client for a while. Owns: `Session`.
Does not own: the socket (`serving.api.realtime`), how many there are and how long they live
(`serving.realtime.open_sessions`).
"""

import asyncio
import time
from typing import Any

from engine.api.request import Request
from serving.errors import ApiError, as_api_error
from serving.forms.media_parts import from_base64
from serving.realtime.answering import Response, is_told
from serving.realtime.client_events import (
    AppendSound,
    CancelResponse,
    ClearSound,
    CommitSound,
    CreateItem,
    CreateResponse,
    DeleteItem,
    Event,
    RetrieveItem,
    TruncateItem,
    UpdateSession,
    read_event,
    read_fields,
)
from serving.realtime.conversation import Conversation, Item, new_id
from serving.realtime.event_log import EventLog, error_fields
from serving.realtime.input_sound import InputSound, Turned
from serving.realtime.item_forms import item_of, sound_content
from serving.realtime.settings import ResponseForm, SessionSettings
from serving.run_log import LOGGER
from serving.run_stream import RunStream
from serving.worker import Worker

ACTIVE = "A response is under way: wait for response.done, or send response.cancel."


class Session:
    """A conversation with one client. Its events are in `log`."""

    def __init__(self, worker: Worker, owner: str) -> None:
        self.id, self.owner = new_id("sess"), owner
        self.log = EventLog()
        self.end_code: int | None = None
        """The code with which its socket is closed, once it is over."""
        self.active_at_s = time.monotonic()
        """The moment at which the client last sent something, or left."""
        self.left = asyncio.Event()
        """Set where another socket has taken over from the one that has this event."""
        self.is_attached = False
        self._worker = worker
        self._settings = SessionSettings(worker.info, worker.name)
        self._conversation = Conversation()
        self._sound = InputSound()
        self._sound.detect(self._settings.vad)
        self._next_item_id = new_id("item")
        self._response: Response | None = None
        self._num_received = 0
        self._turn = asyncio.Lock()
        self.log.add("session.created", session=self._settings.fields(self.id))

    @property
    def is_answering(self) -> bool:
        """Return whether a response is under way."""
        return self._response is not None

    def attach(self, *, resumed: bool) -> asyncio.Event:
        """Let a socket have the session; return what is set when another one takes it."""
        self.left.set()
        self.left, self.is_attached = asyncio.Event(), True
        self.active_at_s = time.monotonic()
        if resumed:
            received = {"session_id": self.id, "num_received": self._num_received}
            self.log.add("session.resumed", **received)
        return self.left

    def detach(self) -> None:
        """Wait for the client to come back."""
        self.is_attached, self.active_at_s = False, time.monotonic()

    def end(self, error: ApiError | None, code: int) -> None:
        """End it, with a sentence where there is somebody to be told."""
        if self.end_code is not None:
            return
        if self._response is not None:
            self._response.discard()
        if error is not None:
            self.log.add("error", error=error_fields(error))
        self.end_code = code
        self.log.end()

    async def take(self, text: str) -> None:
        """Do what one event of the client says, also where its socket breaks meanwhile; an event
        that cannot be done is answered with an error."""
        self.active_at_s = time.monotonic()
        await asyncio.shield(asyncio.ensure_future(self._take(text)))

    async def _take(self, text: str) -> None:
        event_id: str | None = None
        async with self._turn:
            self._num_received += 1
            try:
                said = read_fields(text)
                event_id = said["event_id"] if isinstance(said.get("event_id"), str) else None
                await self._do(await asyncio.to_thread(read_event, said))
            except Exception as error:  # whatever an event raises, the session goes on
                self._refuse(error, event_id)

    def _refuse(self, error: Exception, event_id: str | None) -> None:
        failure = as_api_error(error)
        if failure.status_code == 500:
            LOGGER.error("crash", exc_info=error)
        self.log.add("error", error=error_fields(failure, event_id))

    async def _do(self, event: Event) -> None:
        match event:
            case UpdateSession():
                self._settings.update(event.session)
                self._sound.detect(self._settings.vad)
                self.log.add("session.updated", session=self._settings.fields(self.id))
            case AppendSound():
                await self._append(event.audio)
            case CommitSound():
                content = await asyncio.to_thread(sound_content, self._sound.waiting)
                self._sound.clear()
                self._commit(Item("user", self._next_item_id, [content]))
            case ClearSound():
                self._sound.clear()
                self.log.add("input_audio_buffer.cleared")
            case CreateItem():
                item = await asyncio.to_thread(item_of, event.item, self._worker.info)
                self._add(item, self._conversation.add(item, event.previous_item_id))
            case RetrieveItem():
                item = self._conversation.find(event.item_id)
                self.log.add("conversation.item.retrieved", item=item.fields(whole=True))
            case TruncateItem():
                place = event.model_dump(exclude={"type", "event_id"})
                self._conversation.truncate(**place)
                self.log.add("conversation.item.truncated", **place)
            case DeleteItem():
                self._conversation.delete(event.item_id)
                self.log.add("conversation.item.deleted", item_id=event.item_id)
            case CreateResponse():
                self._respond(event.response)
            case CancelResponse():
                self._cancel(event.response_id)

    async def _append(self, audio: str) -> None:
        """Take more sound, and what turns it has."""
        pcm = await asyncio.to_thread(from_base64, audio)
        for turned in await asyncio.to_thread(self._sound.append, pcm):
            try:
                await self._turn_to(turned)
            except Exception as error:  # the turns behind it count all the same
                self._refuse(error, None)

    async def _turn_to(self, turned: Turned) -> None:
        """Let somebody begin to speak, or take what they said."""
        vad = self._settings.vad
        assert vad is not None, "turns are detected by a rule"
        if turned.pcm is None:
            self._told(turned, "speech_started", "audio_start_ms")
            if vad.interrupt_response and self._response is not None:
                self._response.cancel("turn_detected")
            return
        self._told(turned, "speech_stopped", "audio_end_ms")
        content = await asyncio.to_thread(sound_content, turned.pcm)
        self._commit(Item("user", self._next_item_id, [content]))
        if vad.create_response:
            self._respond(ResponseForm())

    def _told(self, turned: Turned, kind: str, moment: str) -> None:
        place: dict[str, Any] = {moment: turned.at_ms, "item_id": self._next_item_id}
        self.log.add(f"input_audio_buffer.{kind}", **place)

    def _commit(self, item: Item) -> None:
        """Put what was said into the conversation."""
        self._next_item_id = new_id("item")
        before = self._conversation.add(item)
        committed = {"previous_item_id": before, "item_id": item.id}
        self.log.add("input_audio_buffer.committed", **committed)
        self._add(item, before)

    def _add(self, item: Item, before: str | None) -> None:
        """Tell of an item that is in the conversation, and of those that it crowds out."""
        for kind in ("added", "done"):
            fields = item.fields()
            self.log.add(f"conversation.item.{kind}", previous_item_id=before, item=fields)
        for gone in self._conversation.crowded_out():
            self.log.add("conversation.item.deleted", item_id=gone.id)

    def _respond(self, form: ResponseForm) -> None:
        """Begin an answer. Raises: ApiError, ValueError, QueueFullError where it cannot begin."""
        self._worker.refuse_unready()
        if self._response is not None:
            raise ApiError(409, ACTIVE, code="conversation_already_has_active_response")
        self._response = Response(
            form,
            self._settings,
            self._conversation,
            self.log,
            self._run,
            self._answered,
            self._worker.marker,
        )

    def _run(self, request: Request) -> RunStream:
        engine = self._worker.engine
        return RunStream(
            self._worker.scheduler,
            lambda: engine.generate(request, preview_hz=0.0),
            self.owner,
            is_told,
        )

    def _answered(self) -> None:
        self._response = None

    def _cancel(self, response_id: str | None) -> None:
        if self._response is None or response_id not in (None, self._response.id):
            message = "There is no such response under way: nothing is cancelled."
            raise ApiError(400, message, param="response_id", code="response_cancel_not_active")
        self._response.cancel("client_cancelled")
