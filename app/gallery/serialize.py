"""An item of the gallery as the script shows it: plain values, nothing of this machine."""

from pathlib import Path

from app.gallery.visitors import Visitors
from retrieval.ranking import Ranked

FROM = {"pack": "shipped with this page", "folder": "from your folder"}
SETTINGS = ("prompt", "seed", "steps", "guidance", "method", "given", "more", "checkpoint")
WHOLE_TEXT = 600
DIGITS = 4


def item_json(
    hit: Ranked, viewer: str, visitors: Visitors, *, scored: bool = True
) -> dict[str, object]:
    """Return the values with which the script shows an item. `made`: the recipe of what was made
    here. `key`: opens the file of the viewer's own."""
    item = hit.item
    mine = bool(viewer) and item.owner == viewer
    made = {name: item.provenance[name] for name in SETTINGS if name in item.provenance}
    source = str(item.provenance.get("source", ""))
    return {
        "id": item.id,
        "modality": str(item.modality),
        "kind": item.kind,
        "caption": item.caption,
        "text": item.text[:WHOLE_TEXT],
        "tags": list(item.tags),
        "ending": Path(item.file).suffix.lower().lstrip("."),
        "from": FROM.get(source, source),
        "made": made if "seed" in made else None,
        "mine": mine,
        "key": visitors.key(item.id, viewer) if mine else "",
        "score": round(hit.score, DIGITS) if scored else None,
    }
