"""Which backend a URI names."""

from retrieval.exact import ExactIndex
from retrieval.index import VectorIndex
from retrieval.lance import LanceIndex, drop_table
from retrieval.milvus import MilvusIndex, connected

MEMORY = "memory:"


def open_index(uri: str, name: str, width: int) -> VectorIndex:
    """The index `name` of vectors of `width` numbers at a URI; it is made where there is none.

    "memory:" is gone with the process; http://, https:// and a file .db are Milvus; everything
    else, a folder or an object storage (s3://, gs://, az://), is LanceDB.

    Raises: ValueError where it cannot be opened, NeedsRebuildError where it is broken.
    """
    if uri == MEMORY:
        return ExactIndex(width)
    if _is_milvus(uri):
        return MilvusIndex(connected(uri), name, width)
    return LanceIndex(uri, name, width)


def drop_index(uri: str, name: str) -> None:
    """Removes the index `name`, also a broken one. Raises: ValueError where that fails."""
    if _is_milvus(uri):
        connected(uri).drop_collection(name)
    elif uri != MEMORY:
        drop_table(uri, name)


def _is_milvus(uri: str) -> bool:
    return uri.startswith(("http://", "https://")) or uri.endswith(".db")
