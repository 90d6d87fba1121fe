"""A picture, a film, a sound and words through the CUDA code path equal the run of a CPU."""

import json
import os
import subprocess
import sys

import pytest

from flow.cuda.fused import has_triton
from tests.engine.generation.interpreted_nano import NANO, REQUESTS


@pytest.mark.skipif(not has_triton(), reason="Triton is not installed")
@pytest.mark.skipif(not NANO.exists(), reason="there is no embedded checkpoint")
def test_the_cuda_path_gives_the_codes_of_a_cpu() -> None:
    """A threshold within a rounding error of the border between two codes may choose either, so one
    code in a hundred is allowed to differ on another processor; here none does."""
    run = [sys.executable, "-m", "tests.engine.generation.interpreted_nano"]
    interpreted = {**os.environ, "TRITON_INTERPRET": "1"}
    out = subprocess.run(run, check=True, capture_output=True, text=True, env=interpreted).stdout
    found = json.loads(out.splitlines()[-1])
    assert set(found) == set(REQUESTS)
    for kind, (same, num, captured) in found.items():
        assert same >= 0.99 * num, kind
        assert captured == 1, f"{kind}: one recording serves every step, the last one, too"
