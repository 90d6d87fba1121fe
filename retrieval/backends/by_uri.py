"""The choice of a backend by URI."""

import tempfile
from pathlib import Path

from retrieval.backends.exact import ExactIndex
from retrieval.backends.lance import LanceIndex, drop_table
from retrieval.backends.milvus import MilvusIndex, connected
from retrieval.index import VectorIndex

MEMORY = "memory:"


def open_index(uri: str, name: str, width: int) -> VectorIndex:
    """Open the index `name` of vectors of `width` numbers at a URI, or create it.

    "memory:" is gone with the process; http://, https:// and a file .db are Milvus; everything
    else, a folder or an object storage (s3://, gs://, az://), is LanceDB.

    Raises: ValueError where it cannot be opened, NeedsRebuildError where it is broken.

    """
    if uri == MEMORY:
        return ExactIndex(width)
    if _is_milvus(uri):
        return MilvusIndex(connected(uri), name, width)
    return LanceIndex(uri, name, width)


def make_place(uri: str) -> None:
    """Create the folder of a new local index. Raises: ValueError where it cannot be created or
    written."""
    if uri in ("", MEMORY) or "://" in uri:
        return
    folder = Path(uri).parent if _is_milvus(uri) else Path(uri)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"an index cannot be made at {uri} ({error.strerror}): choose another place"
        ) from error


def drop_index(uri: str, name: str) -> None:
    """Remove the index `name`, also a broken one. Raises: ValueError where that fails."""
    if _is_milvus(uri):
        connected(uri).drop_collection(name)
    elif uri != MEMORY:
        drop_table(uri, name)


def _is_milvus(uri: str) -> bool:
    return uri.startswith(("http://", "https://")) or uri.endswith(".db")
