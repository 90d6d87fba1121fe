"""The abilities that a suite requires of a checkpoint, and the reasons for leaving one out.

Owns: `Requirement`, `NOT_TRAINED`, `NOT_JUDGED`. Does not own: the abilities of a checkpoint
(`evaluation.suites.any_to_any.trained_requirements`).
"""

from enum import StrEnum

NOT_TRAINED, NOT_JUDGED = "not trained", "no judge"
INSTALL = "pip install '.[judges]'"
"""The command that installs the judges of speech."""


class Requirement(StrEnum):
    """An ability that must have been trained; its text is the reason where it was not."""

    SOUND = "the checkpoint neither hears nor speaks"
    VIDEO = "the checkpoint had no lessons of films, of changes, and of sounds with pictures"
    VIDEO_GENERATION = "the checkpoint only watches and finds films"
    THINKING = "the checkpoint had no lessons of thinking before it answers"
    RETRIEVAL = "the checkpoint was not trained to find things"
