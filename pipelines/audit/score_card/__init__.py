"""The ML Test Score of this installation: 28 questions, each with the tests and the records that answer it."""
