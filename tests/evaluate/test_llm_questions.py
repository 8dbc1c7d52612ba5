"""What a language model is asked."""

from __future__ import annotations

import pytest

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.evaluation.examples import read_examples
from genoprot_evaluate.llm import FORMS, REPLIES, default_prompts
from genoprot_evaluate.llm.questions import Names, task_questions


@pytest.fixture
def published(tiny_dataset):
    return PublishedDataset.open(tiny_dataset)


@pytest.mark.parametrize("task", TASKS)
def test_every_question_names_its_proteins_and_nothing_else_changes(published, task):
    examples = read_examples(published, task)
    questions = task_questions(examples, Names.of(published, "accession"))
    rows = published.task(task, "eval").to_pylist()
    assert len(questions) == len(rows)
    for question, row in zip(questions, rows):
        accessions = [row[column] for column in TASKS[task].members]
        text = question.text
        for accession, letter in zip(accessions, "AB"):
            text = text.replace(f"<UNIPROT:{accession}>", letter)
        assert text == TASKS[task].question
        assert question.accessions == tuple(accessions)


def test_sequences_stand_in_whole_unless_a_limit_is_given(published):
    proteins = {
        row["accession"]: row["protein"] for row in published.sequences(["accession", "protein"]).to_pylist()
    }
    examples = read_examples(published, "ppi")
    whole = task_questions(examples, Names.of(published, "sequence"))
    names = Names.of(published, "sequence", 50)
    cut = task_questions(examples, names)
    for question, shorter in zip(whole, cut):
        for accession in question.accessions:
            assert f"<SEQ:{proteins[accession]}>" in question.text
            shown = (
                proteins[accession] if len(proteins[accession]) <= 50 else proteins[accession][:50] + "..."
            )
            assert f"<SEQ:{shown}>" in shorter.text
            assert names.is_cut(accession) == (len(proteins[accession]) > 50)
    assert any(names.is_cut(accession) for question in cut for accession in question.accessions)


def test_a_limit_that_means_nothing_is_refused(published):
    for form, limit in (("accession", 50), ("sequence", 0)):
        with pytest.raises(GenoProtError, match="max_residues"):
            Names.of(published, form, limit)
    with pytest.raises(GenoProtError, match="form 'name'"):
        Names.of(published, "name")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("reply", REPLIES)
def test_the_instruction_tells_form_and_reply(form, reply):
    text = default_prompts().instruction(form, reply)
    assert {"accession": "<UNIPROT:", "sequence": "<SEQ:"}[form] in text
    lines = default_prompts().replies
    assert text.endswith(lines["json" if reply == "json" else "word"])
