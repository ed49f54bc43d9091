"""How questions and answers of the data set are worded: templates, verbs, drafts."""
