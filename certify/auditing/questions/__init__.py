"""The questions of an audit, one a file; a new one is a file and a line here."""

from __future__ import annotations

from typing import Final

from certify.auditing.questions.base import Question
from certify.auditing.questions.coefficients import Coefficients
from certify.auditing.questions.how_far import HowFar
from certify.auditing.questions.how_far_labels import HowFarLabels
from certify.auditing.questions.labels_wrong import LabelsWrong
from certify.auditing.questions.noise import Noise
from certify.auditing.questions.of_groups.deleted import GroupsDeleted
from certify.auditing.questions.of_groups.one_prediction import OnePredictionGroups
from certify.auditing.questions.one_prediction import OnePrediction
from certify.auditing.questions.rows_and_labels import RowsAndLabels
from certify.auditing.questions.rows_deleted import RowsDeleted
from certify.auditing.questions.targets_off import TargetsOff
from certify.auditing.questions.these_rows import TheseRows
from certify.auditing.questions.which_rows import WhichRows

QUESTIONS: Final[tuple[Question, ...]] = (
    RowsDeleted(), LabelsWrong(), Noise(), WhichRows(), OnePrediction(), OnePredictionGroups(), TheseRows(), HowFar(),
    HowFarLabels(), Coefficients(), GroupsDeleted(), TargetsOff(), RowsAndLabels())
"""In the order in which they are asked."""
