"""The log of a worker: one JSON object a line on stderr, with run ids and no prompts."""

import json
import logging
import sys
from datetime import UTC, datetime

from serving.scheduler import Run

LOGGER = logging.getLogger("serving")


class JsonLines(logging.Formatter):
    """A record as one line: time, level, event, and the fields of `extra={"fields": ..}`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def write_to_stderr() -> None:
    """Send the log, and uvicorn's warnings, to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name, level in (("serving", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)


def run_ended(run: Run) -> None:
    """Log a run that is over; a failure that is nobody's input with its traceback."""
    fields = {
        "number": run.number,
        "owner": run.owner,
        "outcome": run.outcome,
        "steps": run.steps,
        **{name: _since(run, at) for name, at in _times(run).items()},
    }
    crashed = run.error is not None and not isinstance(run.error, ValueError)
    LOGGER.log(
        logging.ERROR if crashed else logging.INFO,
        "run",
        extra={"fields": fields},
        exc_info=run.error if crashed else None,
    )


def _times(run: Run) -> dict[str, float | None]:
    return {"waited_s": run.started_s, "first_s": run.refined_s, "total_s": run.ended_s}


def _since(run: Run, at_s: float | None) -> float | None:
    return None if at_s is None else round(at_s - run.arrived_s, 4)
