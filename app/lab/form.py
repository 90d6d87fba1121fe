"""The Lab's form: controls become requests for one run, several side by side, or one that goes
on."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from app.forms.parse import InputError, beside, read_sampling, read_seed, read_steps
from engine.api.conversation import Conversation
from engine.api.request import MAX_PROMPT_CHARACTERS, Modality, Request
from engine.api.sampling import SAMPLERS, Sampling
from engine.inspection.branch import Edit, start_of
from engine.inspection.trace import Trace

MAX_TOGETHER = 4
TOO_LONG = (
    "A film that is made from left to right has more steps than the Lab shows: "
    "choose another method."
)
USUAL: Mapping[str, object] = {
    "steps": 16,
    "guidance": 1,
    "method": "midpoint",
    "temperature": 0.2,
    "grid": "tuned",
    "c": 3,
    "a": 0.9,
    "seed": 0,
}
"""Settings of the form before a recipe fills it."""
NUMBERS = ("guidance", "temperature", "c", "a")
FIELDS = {"guidance_scale": "guidance", "transition": "method"}
"""Names in `Sampling` that a recipe spells differently."""
TOO_FEW_OR_MANY = f"Choose two to {MAX_TOGETHER} methods to compare."


@dataclass(frozen=True)
class LabForm:
    """The controls as they stand. kind: "auto" or a modality."""

    prompt: str
    kind: str
    steps: float
    guidance: float
    method: str
    temperature: float
    grid: str
    c: float
    a: float
    seed: str

    def sampling(self) -> Sampling:
        """Raises: InputError beside the settings."""
        with beside("settings"):
            base = read_sampling(self.steps, self.guidance, self.method, read_seed(self.seed))
            return replace(
                base,
                temperature=float(self.temperature),
                grid=self.grid if base.reads("grid") else None,
                c=float(self.c) if base.reads("c") else None,
                a=float(self.a) if base.reads("a") else None,
            )

    def request(self) -> Request:
        """Return the request of one run. Raises: InputError with the control that it belongs
        beside."""
        sampling = self.sampling()
        if self.kind == Modality.VIDEO and sampling.sampler and SAMPLERS[sampling.sampler].causal:
            raise InputError(TOO_LONG, "settings")
        with beside("prompt"):
            to = None if self.kind == "auto" else Modality(self.kind)
            return Request(Conversation.ask(self.prompt.strip()), to, sampling)

    def compared(self, methods: Sequence[str]) -> list[Request]:
        """The same prompt and seed by each method. Raises: InputError, see `request`."""
        if not 2 <= len(methods) <= MAX_TOGETHER:
            raise InputError(TOO_FEW_OR_MANY, "settings")
        return [replace(self, method=method).request() for method in methods]

    def resumed(self, trace: Trace, place: Mapping[str, object]) -> Request:
        """The recorded run from one of its steps on, with the controls' settings.

        place: "segment", "step", "edits": [[position, [id or null, ..], held], ..].

        Raises: InputError, see `request`.
        """
        sampling = self.sampling()
        with beside("prompt"):
            start = start_of(trace, _whole(place, "segment"), _whole(place, "step"), _edits(place))
            return replace(trace.request, sampling=sampling, start=start)


def controls_of(
    recipe: Mapping[str, object],
    kinds: Collection[str],
    defaults: Callable[[str], Mapping[str, object]] = lambda _: {},
) -> tuple[object, ...]:
    """Return the controls for a recipe out of a file, in the order of `LabForm`.

    kinds: the kinds of answer to choose from; any other is left to the model. defaults: the
    checkpoint's own settings for a kind of answer, by the names of `Sampling`; they fill in what
    the recipe leaves to the checkpoint, which is null there. A setting that is not there at all, as
    in older files, takes the form's own.

    Raises: ValueError where a value of it is none.
    """
    more = recipe.get("more")
    values = {**recipe, **(more if isinstance(more, Mapping) else {})}
    kind = str(values.get("to") if "to" in values else Modality.IMAGE)
    kind = kind if kind in kinds else "auto"
    own = {FIELDS.get(name, name): value for name, value in defaults(kind).items()}
    for name, usual in USUAL.items():
        if values.get(name, usual) is None:
            values[name] = own.get(name) if own.get(name) is not None else usual
    numbers = {name: float(str(values.get(name, USUAL[name]))) for name in NUMBERS}
    steps = read_steps(values.get("steps", USUAL["steps"])) or USUAL["steps"]
    method = str(values.get("method", USUAL["method"]))
    Sampling().by(method)
    seed = str(read_seed(str(values.get("seed", USUAL["seed"]))))
    grid = str(values.get("grid", USUAL["grid"]))
    sampling = Sampling(
        guidance_scale=numbers["guidance"],
        temperature=numbers["temperature"],
        grid=grid,
        c=numbers["c"],
        a=numbers["a"],
    )
    return (
        str(values["prompt"])[:MAX_PROMPT_CHARACTERS],
        kind,
        steps,
        sampling.guidance_scale,
        method,
        sampling.temperature,
        grid,
        sampling.c,
        sampling.a,
        seed,
    )


def _whole(place: Mapping[str, object], name: str) -> int:
    value = place.get(name)
    if not isinstance(value, int):
        raise ValueError(f"a run goes on from a {name}: that is a whole number")
    return value


def _edits(place: Mapping[str, object]) -> list[Edit]:
    listed = place.get("edits")
    found: list[Edit] = []
    for one in listed if isinstance(listed, list) else []:
        if not isinstance(one, list) or len(one) != 3 or not isinstance(one[1], list):
            raise ValueError("an edit is a position, its codes, and whether it is held")
        position, codes, held = one
        found.append(
            Edit(int(position), tuple(None if c is None else int(c) for c in codes), bool(held))
        )
    return found
