"""The drive of a reader by broken files: whatever comes out but a sentence is a failure."""

import resource

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.mutations import changed_bytes, changed_json
from tests.fuzz.readers import READERS, Reader


def drive(name: str, number: int, examples: int) -> None:
    """Read so many broken files, the same for the same number. Raises: what a reader raises that
    is no ValueError, with the smallest file that was found."""
    reader = READERS[name]

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def read(data: st.DataObject) -> None:
        content = data.draw(st.sampled_from(reader.corpus()))
        _told(reader, data.draw((changed_json if reader.text else changed_bytes)(content)))

    read()


def _told(reader: Reader, content: bytes) -> None:
    told = "read"
    try:
        reader.read(content)
    except ValueError as error:
        told = str(error)
    assert told.strip()
    assert "\n" not in told, f"more than a sentence: {told}"


def peak_bytes() -> int:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
