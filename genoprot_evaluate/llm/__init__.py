"""Zero-shot evaluation: language models are asked the questions of the tasks in words."""

from genoprot_evaluate.llm.command import add_arguments, run
from genoprot_evaluate.llm.questions import FORMS, Question, question_text
from genoprot_evaluate.llm.replies import REPLIES, read_reply

__all__ = ["FORMS", "REPLIES", "Question", "add_arguments", "question_text", "read_reply", "run"]
