"""The events that a client sends. Owns: their forms, and `read_event`. Does not own: what they do
(`serving.realtime.session`)."""

import json
from typing import Any, Literal

from serving.errors import ApiError, missing
from serving.forms.fields import Form
from serving.realtime.item_forms import ItemForm
from serving.realtime.settings import ResponseForm, SessionForm

NO_JSON = "An event is one JSON object in a text message: check its quotes and commas."


class ClientEvent(Form):
    """The common part of events."""

    event_id: str | None = None


class UpdateSession(ClientEvent):
    """Set what is said, and leave the rest."""

    type: Literal["session.update"]
    session: SessionForm


class AppendSound(ClientEvent):
    """More of what the user says."""

    type: Literal["input_audio_buffer.append"]
    audio: str


class CommitSound(ClientEvent):
    """The sound so far is a message."""

    type: Literal["input_audio_buffer.commit"]


class ClearSound(ClientEvent):
    """The sound so far is none."""

    type: Literal["input_audio_buffer.clear"]


class CreateItem(ClientEvent):
    """Put an item into the conversation."""

    type: Literal["conversation.item.create"]
    item: ItemForm
    previous_item_id: str | None = None


class RetrieveItem(ClientEvent):
    """Ask for an item with all that is in it."""

    type: Literal["conversation.item.retrieve"]
    item_id: str


class TruncateItem(ClientEvent):
    """Cut an answer where its playback stopped."""

    type: Literal["conversation.item.truncate"]
    item_id: str
    content_index: int
    audio_end_ms: int


class DeleteItem(ClientEvent):
    """Take an item out of the conversation."""

    type: Literal["conversation.item.delete"]
    item_id: str


class CreateResponse(ClientEvent):
    """Answer the conversation."""

    type: Literal["response.create"]
    response: ResponseForm = ResponseForm()


class CancelResponse(ClientEvent):
    """Stop the answer under way."""

    type: Literal["response.cancel"]
    response_id: str | None = None


Event = (
    UpdateSession
    | AppendSound
    | CommitSound
    | ClearSound
    | CreateItem
    | RetrieveItem
    | TruncateItem
    | DeleteItem
    | CreateResponse
    | CancelResponse
)
FORMS: dict[str, type[Event]] = {
    "session.update": UpdateSession,
    "input_audio_buffer.append": AppendSound,
    "input_audio_buffer.commit": CommitSound,
    "input_audio_buffer.clear": ClearSound,
    "conversation.item.create": CreateItem,
    "conversation.item.retrieve": RetrieveItem,
    "conversation.item.truncate": TruncateItem,
    "conversation.item.delete": DeleteItem,
    "response.create": CreateResponse,
    "response.cancel": CancelResponse,
}


def read_fields(text: str) -> dict[str, Any]:
    """Return the fields of a message. Raises: ApiError where it is no JSON object."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise ApiError(400, NO_JSON, code="invalid_json")
    return said


def read_event(said: dict[str, Any]) -> Event:
    """Return an event. Raises: ApiError where there is no such event, ValidationError where it is
    not as it should be."""
    kind = said.get("type")
    if kind is None:
        raise missing("type")
    form = FORMS.get(kind) if isinstance(kind, str) else None
    if form is None:
        message = f"Unknown event '{str(kind)[:80]}': docs/serving.md says which there are."
        raise ApiError(400, message, param="type", code="invalid_value")
    return form.model_validate(said)
