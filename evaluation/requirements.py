"""What a checkpoint must have learned before something can be measured, and why something is not.

Owns: `Needs`, `NOT_TRAINED`, `NOT_JUDGED`. Does not own: what a checkpoint has learned
(`evaluation.suites.any_to_any.learned`).
"""

from enum import StrEnum

NOT_TRAINED, NOT_JUDGED = "not trained", "no judge"
INSTALL = "pip install '.[judges]'"
"""The command that installs the judges of speech."""


class Needs(StrEnum):
    """What a checkpoint must have learned; each is the reason where it has not."""

    SOUND = "the checkpoint neither hears nor speaks"
    FILMS = "the checkpoint had no lessons of films, of changes, and of sounds with pictures"
    MAKING = "the checkpoint only watches and finds films"
    THINKING = "the checkpoint had no lessons of thinking before it answers"
    FINDING = "the checkpoint was not trained to find things"
