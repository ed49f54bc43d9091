"""The wording of the data set's questions and answers: templates, verbs, drafts."""
