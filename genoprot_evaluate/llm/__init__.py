"""Zero-shot evaluation: language models are asked the questions of the tasks in words."""

from genoprot_evaluate.llm.asking import ask
from genoprot_evaluate.llm.command import add_arguments, run
from genoprot_evaluate.llm.function import FunctionModel
from genoprot_evaluate.llm.models import LanguageModel, open_model
from genoprot_evaluate.llm.prompts import FORMS, REPLIES, Prompts, default_prompts, read_prompts
from genoprot_evaluate.llm.questions import Question, question_text
from genoprot_evaluate.llm.remote import RemoteModel
from genoprot_evaluate.llm.replies import read_reply
from genoprot_evaluate.llm.zero_shot import Poll

__all__ = [
    "FORMS",
    "REPLIES",
    "FunctionModel",
    "LanguageModel",
    "Poll",
    "Prompts",
    "Question",
    "RemoteModel",
    "add_arguments",
    "ask",
    "default_prompts",
    "open_model",
    "question_text",
    "read_prompts",
    "read_reply",
    "run",
]
