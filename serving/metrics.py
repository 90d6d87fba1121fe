"""The numbers of a worker in Prometheus' text format, without anything of a request in them."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from serving.scheduler import Run, Scheduler

ROWS = (1, 2, 4, 8, 16, 32, 64)
SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """A registry of its own for each worker."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        every = {"namespace": "next_omni", "registry": self.registry}
        self._waiting = Gauge("waiting", "runs that have not begun", **every)
        self._running = Gauge("running", "runs under way", **every)
        self._ready = Gauge("ready", "1 where the weights are loaded", **every)
        self._runs = Counter("runs", "runs that are over", ["outcome"], **every)
        self._steps = Counter("steps", "refinement steps of runs that are over", **every)
        self._requests = Counter("requests", "HTTP requests", ["path", "status"], **every)
        self._rows = Histogram("batch_rows", "runs of one network call", buckets=ROWS, **every)
        histogram = {**every, "buckets": SECONDS}
        self._wait_s = Histogram("queue_wait_seconds", "until a run begins", **histogram)
        self._first_s = Histogram("first_refinement_seconds", "from arrival to it", **histogram)
        self._total_s = Histogram("end_to_end_seconds", "of completed runs", **histogram)

    def watch(self, scheduler: Scheduler) -> None:
        """Read the gauges off a scheduler from now on."""
        self._waiting.set_function(lambda: scheduler.waiting)
        self._running.set_function(lambda: scheduler.running)

    def ready(self) -> None:
        """Note that the weights are loaded."""
        self._ready.set(1)

    def called(self, rows: int) -> None:
        """Count a network call that so many runs share."""
        self._rows.observe(rows)

    def answered(self, path: str, status: int) -> None:
        """Count an HTTP request. path: a route, never an address with something of a client in
        it."""
        self._requests.labels(path, str(status)).inc()

    def ended(self, run: Run) -> None:
        """Count a run that is over."""
        self._runs.labels(run.outcome).inc()
        self._steps.inc(run.steps)
        if run.started_s is not None:
            self._wait_s.observe(run.started_s - run.arrived_s)
        if run.refined_s is not None:
            self._first_s.observe(run.refined_s - run.arrived_s)
        if run.ended_s is not None and run.outcome == "completed":
            self._total_s.observe(run.ended_s - run.arrived_s)

    def text(self) -> bytes:
        """Return all of them."""
        return generate_latest(self.registry)
